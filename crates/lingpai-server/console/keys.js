// The keys of clients: which there are, a new one, and the end of one. A key itself is seen once.

import * as api from "./api.js";
import { ask, copyButton, day, field, fill, h, icon, say, sayIfKnown, tell, trouble, number } from "./dom.js";

const ROLES = ["service", "viewer", "operator", "admin"];
const ENVIRONMENTS = ["production", "test", "dev"];
const LIVES = { never: null, "30d": 30, "90d": 90, "1y": 365 };

export async function keys(body, { left }) {
  const list = h("div", {});
  const search = h("input", { type: "search", placeholder: say("keys-search"), "aria-label": say("keys-search"), spellcheck: "false" });
  const ended = h("input", { type: "checkbox", id: "ended" });
  const make = h("button", { type: "button", class: "button is-first", onclick: () => create() }, say("make-key"));
  fill(
    body,
    h("div", { class: "head" }, h("div", {}, h("h1", {}, say("nav-keys")), h("p", { class: "lead" }, say("keys-lead"))), make),
    h("div", { class: "tools" }, h("div", { class: "search" }, icon("search"), search),
      h("label", { class: "check" }, ended, say("show-ended"))),
    list,
  );
  let all = [];
  search.addEventListener("input", draw);
  ended.addEventListener("change", draw);

  async function look() {
    try {
      all = (await api.get("/keys", { signal: left })).keys;
      draw();
    } catch (error) {
      if (error.code !== "accounts-limited") throw error;
      make.hidden = true;
      fill(list, trouble(error));
    }
  }

  function draw() {
    const text = search.value.trim().toLowerCase();
    const shown = all
      .filter((key) => key.good || ended.checked)
      .filter((key) => !text || `${key.name} ${key.id} ${key.accounts}`.toLowerCase().includes(text))
      .reverse();
    if (shown.length === 0) return fill(list, h("p", { class: "empty" }, say("none-found")));
    return fill(
      list,
      h(
        "table",
        { class: "keys is-stacked" },
        h("caption", { class: "unseen" }, say("nav-keys")),
        h("thead", {}, h("tr", {}, ["key", "rights", "accounts", "made", "ends"].map((it) => h("th", { scope: "col" }, say(`column-${it}`))),
          h("th", { scope: "col" }, h("span", { class: "unseen" }, say("actions"))))),
        h("tbody", {}, shown.slice(0, 200).map(row)),
      ),
      shown.length > 200 ? h("p", { class: "quiet" }, say("and-more", { count: number(shown.length - 200) })) : null,
    );
  }

  function row(key) {
    const own = api.current()?.key.id === key.id;
    const revoke = h("button", { type: "button", class: "button is-small is-danger", "aria-label": say("revoke-of", { name: key.name }) }, say("revoke"));
    revoke.addEventListener("click", () => end(key, own));
    return h(
      "tr",
      { class: key.good ? null : "is-ended", "data-key": key.id },
      h("th", { scope: "row" }, h("strong", {}, key.name), " ", own ? h("span", { class: "chip is-still" }, say("own-key")) : null,
        h("p", { class: "mono quiet small" }, key.id),
        h("p", { class: "small" }, sayIfKnown(`environment-${key.environment}`) ?? key.environment,
          key.networks.length > 0 ? ` · ${key.networks.join(", ")}` : "")),
      h("td", { class: "of-rights" }, key.rights.map((right) => h("code", { class: "right" }, right))),
      h("td", { "data-label": say("column-accounts") }, key.accounts === "all" ? say("all-accounts") : listed(key.accounts)),
      h("td", { "data-label": say("column-made") }, day(key.created_at)),
      h("td", { "data-label": say("column-ends") }, key.revoked_at ? say("revoked-on", { day: day(key.revoked_at) }) : key.expires_at ? day(key.expires_at) : say("never-ends")),
      h("td", { class: "of-action" }, key.good ? revoke : null),
    );
  }

  const listed = (names) => [
    h("span", { class: "mono small" }, names.slice(0, 2).join(" ")),
    names.length > 2 ? ` ${say("and-more", { count: number(names.length - 2) })}` : null,
  ];

  async function end(key, own) {
    const done = await ask({
      title: say("revoke-title", { name: key.name }),
      body: [h("p", {}, say("revoke-what")), own ? h("p", { class: "trouble" }, say("revoke-own")) : null],
      action: say("revoke"),
      danger: true,
      act: () => api.call("DELETE", `/keys/${encodeURIComponent(key.id)}`),
    });
    if (!done) return;
    tell(say("revoked", { name: key.name }));
    await look();
  }

  async function create() {
    const choice = (name, options, words) => h("select", { name }, options.map((it) => h("option", { value: it }, words(it))));
    const named = (prefix) => (it) => sayIfKnown(`${prefix}-${it}`) ?? it;
    const only = h("textarea", { name: "accounts", rows: 3, class: "mono", spellcheck: "false", placeholder: "wx…" });
    const made = await ask({
      title: say("make-key"),
      body: [
        field(say("key-name"), h("input", { name: "name", required: true, maxlength: 100, autocomplete: "off" }), say("key-name-hint")),
        field(say("role"), choice("role", ROLES, named("role"))),
        field(say("environment"), choice("environment", ENVIRONMENTS, named("environment")), say("environment-hint")),
        field(say("accounts-of-key"), only, say("accounts-hint")),
        field(say("networks"), h("input", { name: "networks", class: "mono", spellcheck: "false", placeholder: "10.0.0.0/8" }), say("networks-hint")),
        field(say("key-life"), choice("life", Object.keys(LIVES), named("life"))),
      ],
      action: say("make"),
      act: (form) => {
        const words = (name) => form.get(name).split(/[\s,，]+/).filter(Boolean);
        const days = LIVES[form.get("life")];
        return api.call("POST", "/keys", {
          name: form.get("name").trim(),
          role: form.get("role"),
          environment: form.get("environment"),
          accounts: words("accounts").length > 0 ? words("accounts") : "all",
          networks: words("networks"),
          ...(days ? { expires_in: days * 86400 } : {}),
        });
      },
      done: (key) => [
        h("p", {}, say("seen-once")),
        h("div", { class: "secret" }, h("code", { id: "new-key" }, key.key), copyButton(key.key)),
      ],
    });
    if (made) await look();
  }

  await look();
}
