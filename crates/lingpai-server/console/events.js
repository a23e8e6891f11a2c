// What happens, as it happens, and what was.

import * as api from "./api.js";
import { bare, clock, day, exactly, fill, h, icon, language, prose, say, sayIfKnown, span } from "./dom.js";
import { eventName } from "./timeline.js";

const MOST = 500;
const SEVERITY = {
  rotated: "info", repeated: "info", "account-changed": "notice", "key-changed": "notice", "key-first-used": "notice",
  "store-restored": "notice", "compromise-ended": "notice", failed: "error", "rogue-refresher": "error", compromised: "error",
  "store-degraded": "error",
};
export const severity = (event) => event.severity ?? SEVERITY[event.event] ?? "warning";

/** What an event says: the server's sentence, or what can be told of it here. */
export function sentence(event) {
  if (event.text) return event.text;
  const details = [];
  if (event.generation !== undefined) details.push(say("generation", { generation: event.generation }));
  if (event.reason) details.push(sayIfKnown(`reason-${event.reason}`) ?? event.reason);
  if (event.expires_at) {
    const life = (Date.parse(event.expires_at) - Date.parse(event.at)) / 1000;
    details.push(say("good-for", { span: span(life) }));
  }
  if (event.failure) details.push(bare(event.failure.message), event.failure.remedy ?? "");
  if (event.path) details.push(event.path, `errcode ${event.errcode}`);
  for (const name of ["cause", "change", "key"]) if (event[name]) details.push(event[name]);
  return details.filter(Boolean).join(" · ");
}

const isToday = (time) => new Date(time).toDateString() === new Date().toDateString();

/** An event as a line of a list. */
export function line(event, { account = true } = {}) {
  const how = severity(event);
  return h(
    "li",
    { class: `event is-${how}`, "data-event": event.event },
    h("time", { datetime: event.at, title: exactly(event.at) }, isToday(event.at) ? null : h("span", { class: "event-day" }, day(event.at)), clock(event.at)),
    h("span", { class: "event-name" }, icon(how === "error" ? "missing" : how === "warning" ? "failing" : "good"),
      h("span", { class: "unseen" }, say(`severity-${how}`)), eventName(event)),
    !account ? null
      : event.account
        ? h("a", { class: "mono", href: `#/accounts/${encodeURIComponent(event.account)}` }, event.account)
        : h("span", { class: "quiet" }, "—"),
    h("span", { class: "event-text" }, prose(sentence(event))),
  );
}

export async function eventsPage(body, { left }) {
  let all = [];
  let wanted = "";
  let worst = "all";
  let held = false;
  let waiting = 0;
  const list = h("ol", { class: "events", "aria-label": say("nav-events") });
  const live = h("span", { class: "live", role: "status" });
  const search = h("input", { type: "search", placeholder: say("events-search"), "aria-label": say("events-search"), spellcheck: "false" });
  const choose = h("select", { "aria-label": say("severity") },
    ["all", "notice", "warning", "error"].map((name) => h("option", { value: name }, say(`severity-from-${name}`))));
  const hold = h("button", { type: "button", class: "button" }, say("hold"));
  const older = h("button", { type: "button", class: "button" }, say("older"));
  fill(
    body,
    h("div", { class: "head" }, h("div", {}, h("h1", {}, say("nav-events")), h("p", { class: "lead" }, say("events-lead"))), live),
    h("div", { class: "tools" }, h("div", { class: "search" }, icon("search"), search), choose, hold),
    h("div", { class: "card is-list" }, list),
    h("div", { class: "more" }, older),
  );
  const RANK = { info: 0, notice: 1, warning: 2, error: 3, all: 0 };
  const fits = (event) => {
    const text = wanted.trim().toLowerCase();
    return RANK[severity(event)] >= RANK[worst]
      && (!text || `${event.account ?? ""} ${event.event} ${eventName(event)} ${sentence(event)}`.toLowerCase().includes(text));
  };
  function draw() {
    const shown = all.filter(fits).slice(0, MOST);
    fill(list, shown.length === 0 ? h("li", { class: "empty" }, say("no-events")) : shown.map((event) => line(event)));
  }
  let next = null;
  async function ask(before) {
    const path = `/events/history?limit=100&language=${language()}${before ? `&before=${encodeURIComponent(before)}` : ""}`;
    const page = await api.get(path, { signal: left });
    next = page.next ?? null;
    older.hidden = !next;
    return page.events;
  }
  older.hidden = true;
  older.addEventListener("click", async () => {
    all = all.concat(await ask(next));
    draw();
  });
  hold.addEventListener("click", () => {
    held = !held;
    hold.setAttribute("aria-pressed", String(held));
    if (!held) draw();
    waiting = 0;
    hold.textContent = held ? say("held", { count: 0 }) : say("hold");
  });
  search.addEventListener("input", () => {
    wanted = search.value;
    draw();
  });
  choose.addEventListener("change", () => {
    worst = choose.value;
    draw();
  });
  const state = (is) => {
    live.classList.toggle("is-live", is);
    fill(live, is ? say("live") : say("not-live"));
  };
  const stop = api.events.follow(async (event) => {
    if (event.event === "gap") {
      all = await ask();
      return draw();
    }
    all.unshift(event);
    all.length = Math.min(all.length, 5 * MOST);
    if (held) {
      waiting += 1;
      hold.textContent = say("held", { count: waiting });
    } else if (fits(event)) {
      list.querySelector(".empty")?.remove();
      const item = line(event);
      item.classList.add("is-new");
      list.prepend(item);
      if (list.childElementCount > MOST) list.lastElementChild.remove();
    }
  }, state);
  state(api.events.live);
  left.addEventListener("abort", stop);
  const known = all;
  all = known.concat(await ask());
  draw();
}
