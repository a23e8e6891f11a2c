// Who read which token, and who changed what.

import * as api from "./api.js";
import { clock, day, field, fill, h, icon, language, number, plain, say, sayIfKnown, trouble } from "./dom.js";

const PERIODS = ["1h", "24h", "7d", "all"];

export async function audit(body, { left }) {
  const own = api.current()?.accounts;
  const asked = new URLSearchParams(location.hash.split("?")[1] ?? "");
  const whose = asked.get("account") ?? (Array.isArray(own) && own.length === 1 ? own[0] : "");
  const account = h("input", { class: "mono", value: whose, spellcheck: "false", autocomplete: "off", placeholder: say("all-accounts") });
  const client = h("input", { spellcheck: "false", autocomplete: "off", placeholder: say("audit-anybody") });
  const period = h("select", {}, PERIODS.map((name) => h("option", { value: name }, say(`period-${name}`))));
  period.value = "24h";
  const show = h("button", { type: "submit", class: "button" }, icon("search"), say("show"));
  const list = h("div", { "aria-live": "polite" }, h("p", { class: "empty" }, say("asking")));
  const older = h("button", { type: "button", class: "button", hidden: true }, say("older"));
  const form = h("form", { class: "in-line", role: "search" },
    field(say("column-account"), account), field(say("column-who"), client), field(say("period"), period), show);
  fill(
    body,
    h("div", { class: "head" }, h("div", {}, h("h1", {}, say("nav-audit")), h("p", { class: "lead" }, say("audit-lead")))),
    form,
    list,
    h("div", { class: "more" }, older),
  );

  let all = [];
  let next = null;
  async function ask(before) {
    const query = new URLSearchParams({ limit: 100, language: language() });
    if (account.value.trim()) query.set("account", account.value.trim());
    if (client.value.trim()) query.set("client", client.value.trim());
    if (period.value !== "all") query.set("since", period.value);
    if (before) query.set("before", before);
    try {
      const page = await api.get(`/audit?${query}`, { signal: left });
      all = before ? all.concat(page.records) : page.records;
      next = page.next ?? null;
      draw();
    } catch (error) {
      if (error.name === "AbortError") throw error;
      next = null;
      fill(list, trouble(error));
    }
    older.hidden = !next;
  }

  function draw() {
    if (all.length === 0) return fill(list, h("p", { class: "empty" }, say("audit-empty")));
    const columns = ["time", "who", "what", "account"].map((it) => h("th", { scope: "col", class: `of-${it}` }, say(`column-${it}`)));
    return fill(list, h("table", { class: "audit is-stacked" }, h("caption", { class: "unseen" }, say("nav-audit")),
      h("thead", {}, h("tr", {}, columns)), h("tbody", {}, all.map(row))));
  }

  form.addEventListener("submit", (event) => {
    event.preventDefault();
    return ask();
  });
  period.addEventListener("change", () => ask());
  older.addEventListener("click", () => ask(next));
  await ask();
}

function row(it) {
  const { who } = it;
  const name = who.command === undefined ? who.name || who.key : who.user;
  const from = who.command === undefined ? `${who.key} · ${who.address}` : who.command;
  return h(
    "tr",
    { "data-action": it.action, title: plain(it.text) },
    h("td", { class: "of-time" }, h("time", { datetime: it.at }, h("span", { class: "quiet small" }, day(it.at)), " ", clock(it.at))),
    h("td", { class: "of-who" }, h("strong", {}, name), h("p", { class: "mono quiet small" }, from)),
    h("td", { class: "of-what" }, sayIfKnown(`deed-${it.action}`) ?? it.action,
      it.count > 1 ? h("span", { class: "quiet" }, ` × ${number(it.count)}`) : null,
      it.subject ? h("p", { class: "mono quiet small" }, it.subject) : null),
    h("td", { class: "of-account" }, it.account
      ? h("a", { class: "mono", href: `#/accounts/${encodeURIComponent(it.account)}` }, it.account)
      : h("span", { class: "quiet" }, "—")),
  );
}
