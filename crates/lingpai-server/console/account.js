// One account: how its credentials stand, what happened to them, who uses them, and what can be done.

import * as api from "./api.js";
import { ago, ask, badge, bare, clock, copyButton, exactly, field, fill, h, icon, number, say, sayIfKnown, tell } from "./dom.js";
import { lifeBar, spent, standing } from "./overview.js";
import { timeline } from "./timeline.js";
import { line } from "./events.js";

export async function account(body, { left, parts: [name] }) {
  const path = `/accounts/${encodeURIComponent(name)}`;
  const head = h("div", {});
  const main = h("div", { class: "grid" });
  fill(body, h("p", {}, h("a", { class: "back", href: "#/" }, icon("back"), say("nav-accounts"))), head, main);

  let moving = [];
  let history = [];
  let users = null;

  async function look() {
    const [status, told] = await Promise.all([
      api.get(path, { signal: left }),
      api.get(`/events/history?account=${encodeURIComponent(name)}&limit=400`, { signal: left }),
    ]);
    history = told.events;
    users ??= await clients(name, left);
    draw(standing(status));
  }

  function draw(it) {
    moving = [];
    fill(
      head,
      h(
        "div",
        { class: "head" },
        h("div", {}, h("h1", { class: "mono" }, it.name), h("p", { class: "lead" }, badge(it.state), lead(it))),
        h("div", { class: "actions" }, actions(it)),
      ),
      it.main?.failure ? failure(it.main) : null,
    );
    const wide = (title, ...content) => h("section", { class: "card is-wide" }, h("h2", {}, title), content);
    const card = (title, ...content) => h("section", { class: "card" }, h("h2", {}, title), content);
    fill(
      main,
      it.credentials.map((credential) => card(sayIfKnown(`kind-${credential.kind}`) ?? credential.kind, facts(credential))),
      card(say("clients"), users),
      wide(say("timeline"), timeline(history, it.main)),
      it.callsToday ? wide(say("ledger"), ledger(it.callsToday)) : null,
      wide(
        say("last-events"),
        history.length === 0
          ? h("p", { class: "empty" }, say("no-events"))
          : h("ol", { class: "events" }, history.slice(0, 20).map((event) => line(event, { account: false }))),
      ),
    );
  }

  function lead({ main: credential }) {
    if (!credential) return null;
    if (credential.rotating) return h("span", {}, say("rotating"));
    return credential.next_at ? h("span", {}, say("next-step"), " ", ago(credential.next_at)) : null;
  }

  function failure({ failure: it, failing_since: since }) {
    return h(
      "div",
      { class: "trouble", role: "alert" },
      h("p", { class: "trouble-what" }, bare(it.message)),
      it.remedy ? h("p", {}, it.remedy) : null,
      h(
        "p",
        { class: "quiet" },
        it.errcode !== undefined ? h("span", { class: "mono" }, `errcode ${it.errcode}  `) : null,
        it.rid ? h("span", { class: "mono" }, `rid ${it.rid}  `) : null,
        since ? [say("since"), " ", exactly(since)] : null,
      ),
    );
  }

  function facts(credential) {
    const bar = lifeBar(credential);
    moving.push(bar.move);
    const pair = (term, value) => (value === null ? null : h("div", {}, h("dt", {}, term), h("dd", {}, value)));
    const previous = credential.previous_until && Date.parse(credential.previous_until) > Date.now();
    return [
      bar.element,
      h(
        "dl",
        { class: "facts" },
        pair(say("state"), badge(credential.state)),
        pair(say("generation-of"), number(credential.generation)),
        pair(say("began"), credential.began ? ago(credential.began) : null),
        pair(say("ends"), credential.ends ? exactly(credential.ends) : null),
        pair(say("previous"), previous ? say("until", { time: clock(credential.previous_until) }) : say("none")),
        pair(say("column-fetched-today"), spent(credential)),
        pair(say("leak"), credential.compromised ? say("leak-more", { count: credential.compromised }) : null),
      ),
    ];
  }

  function actions(it) {
    const button = (words, act, kind = "button") => h("button", { type: "button", class: kind, onclick: act }, words);
    return [
      button(say("rotate"), () => rotate(it.name), "button is-first"),
      button(say("set-secret"), () => setSecret(it.name)),
      api.current()?.reveal ? button(say("reveal"), () => reveal(it.name)) : null,
      h("a", { class: "button", href: `#/doctor?${encodeURIComponent(it.name)}` }, say("check-up")),
    ];
  }

  async function rotate(of) {
    const outcome = await ask({
      title: say("rotate-title"),
      body: [h("p", {}, say("rotate-what", { account: of })), h("p", { class: "hint" }, say("rotate-hint"))],
      action: say("rotate"),
      act: () => api.call("POST", `${path}/token/rotate`, {}),
    });
    if (outcome?.explanation) tell(outcome.explanation);
    if (outcome) await look();
  }

  async function setSecret(of) {
    const input = () => h("input", { type: "password", name: "secret", required: true, autocomplete: "off", class: "mono", spellcheck: "false" });
    const outcome = await ask({
      title: say("set-secret"),
      body: [h("p", {}, say("set-secret-what", { account: of })), field("AppSecret", input(), say("set-secret-hint"))],
      action: say("set-secret-do"),
      act: (form) => api.call("PUT", `${path}/secret`, { secret: form.get("secret") }),
    });
    if (outcome) {
      tell(outcome.warning ?? say("set-secret-done"), outcome.warning ? "failing" : "good");
      await look();
    }
  }

  const reveal = (of) =>
    ask({
      title: say("reveal"),
      body: [h("p", {}, say("reveal-what", { account: of }))],
      action: say("reveal-do"),
      danger: true,
      act: () => api.get(`${path}/token`),
      done: (token) => h("div", { class: "secret" }, h("code", {}, token.access_token), copyButton(token.access_token)),
    });

  let planned = 0;
  const stop = api.events.follow((event) => {
    if (event.event !== "gap" && event.account !== name) return;
    planned ||= setTimeout(() => {
      planned = 0;
      if (!left.aborted) look().catch(() => {});
    }, 250);
  });
  const beat = setInterval(() => moving.forEach((move) => move()), 1000);
  left.addEventListener("abort", () => {
    stop();
    clearInterval(beat);
    clearTimeout(planned);
  });
  await look();
}

/** Who uses an account: as the audit trail says, or else the keys that may. */
async function clients(name, signal) {
  try {
    const page = await api.get(`/audit?account=${encodeURIComponent(name)}&limit=500`, { signal });
    const rows = new Map();
    for (const { client, count = 1, at, address } of page.records.filter((it) => it.client)) {
      const row = rows.get(client.key) ?? { client, count: 0, at, addresses: new Set() };
      row.count += count;
      row.addresses.add(address);
      rows.set(client.key, row);
    }
    if (rows.size > 0) {
      return h("ul", { class: "rows" }, [...rows.values()].map(({ client, count, at, addresses }) =>
        h("li", {}, h("strong", {}, client.name), h("span", { class: "quiet small mono" }, [...addresses].filter(Boolean).slice(0, 3).join(" ")),
          h("span", {}, say("reads", { count: number(count) })), ago(at))));
    }
  } catch (error) {
    if (error.name === "AbortError") throw error;
  }
  try {
    const { keys } = await api.get("/keys", { signal });
    const may = keys.filter((key) => key.good && (key.accounts === "all" || key.accounts.includes(name)));
    if (may.length === 0) return h("p", { class: "empty" }, say("no-clients"));
    return [
      h("p", { class: "hint" }, say("clients-may")),
      h("ul", { class: "rows" }, may.slice(0, 12).map((key) =>
        h("li", {}, h("strong", {}, key.name), h("span", { class: "quiet small mono" }, key.id), h("span", {}, sayIfKnown(`environment-${key.environment}`) ?? key.environment)))),
      may.length > 12 ? h("p", { class: "quiet" }, say("and-more", { count: number(may.length - 12) })) : null,
    ];
  } catch (error) {
    if (error.name === "AbortError") throw error;
    return h("p", { class: "quiet" }, error.message);
  }
}

function ledger(calls) {
  if (calls.length === 0) return h("p", { class: "empty" }, say("no-calls"));
  const most = Math.max(...calls.map((it) => it.calls));
  const rows = [...calls].sort((a, b) => b.calls - a.calls).slice(0, 30);
  return h(
    "table",
    { class: "ledger" },
    h("caption", { class: "unseen" }, say("ledger")),
    h("thead", {}, h("tr", {}, ["path", "calls", "refused"].map((it) => h("th", { scope: "col" }, say(`column-${it}`))))),
    h("tbody", {}, rows.map((it) => {
      const share = h("span", { class: "share", "aria-hidden": "true" });
      share.style.width = `${(100 * it.calls) / most}%`;
      const refused = (it.errcodes ?? []).filter(({ errcode }) => errcode !== 0);
      return h("tr", {}, h("th", { scope: "row", class: "mono" }, it.path, share), h("td", {}, number(it.calls)),
        h("td", { class: "mono" }, refused.map(({ errcode, times }) => `${errcode}×${times}`).join(" ") || "—"));
    })),
  );
}

