// Every account: those that need somebody first, each with the life of its token as a bar that moves.

import * as api from "./api.js";
import { ago, badge, bare, fill, h, icon, number, say, sayIfKnown, span, trouble } from "./dom.js";

/** From the worst to the best. */
const ORDER = ["missing", "refused", "failing", "idle", "good"];
const FILTERS = ["all", "troubled", "good", "idle", "unmanaged"];
/** How often the page is asked for again, beside what is told meanwhile. */
const ROUND = 15_000;
/** The server gathers how all accounts stand once a second, so what has just happened is seen a little later. */
const SOON = 1100;

/** An account as the page needs it; times are those of this machine. */
export function standing(account, asked = Date.now()) {
  const credentials = account.credentials.map((credential) => {
    const ends = credential.expires_in === undefined ? null : asked + credential.expires_in * 1000;
    const began = credential.issued_at ? Date.parse(credential.issued_at) : null;
    return { ...credential, ends, began };
  });
  const main =
    credentials.find(({ kind }) => kind === "access_token") ??
    credentials.find(({ kind }) => kind.endsWith("access_token")) ??
    credentials[0];
  const state = ORDER.find((it) => credentials.some((credential) => credential.state === it)) ?? "idle";
  const { account: name, calls_today: callsToday, keeping = "managed", account_kind: kind, mode, platform } = account;
  return { name, credentials, main, state, callsToday, keeping, kind, mode, platform };
}

/** The life that is left of a token, as a bar. `move` has it go on. */
export function lifeBar(credential) {
  const fillOf = h("span", { class: "life-fill" });
  const text = h("span", { class: "life-text" });
  const bar = h("div", { class: "life" }, h("span", { class: "life-bar", "aria-hidden": "true" }, fillOf), text);
  const move = () => {
    const left = credential?.ends ? (credential.ends - Date.now()) / 1000 : null;
    const life = credential?.began ? (credential.ends - credential.began) / 1000 : 7200;
    const part = left === null ? 0 : Math.max(0, Math.min(1, left / life));
    fillOf.style.transform = `scaleX(${part.toFixed(4)})`;
    bar.classList.toggle("is-low", left !== null && part < 0.08);
    bar.classList.toggle("is-none", left === null);
    const shown = left === null ? say("no-token") : left > 0 ? say("left", { span: span(left) }) : say("ended");
    if (text.textContent !== shown) text.textContent = shown;
  };
  move();
  return { element: bar, move };
}

/** That nothing is fetched for an account, since somebody said so. */
export const kept = ({ keeping }) =>
  keeping === "managed" ? null : h("span", { class: "badge is-idle" }, icon("idle"), say(`keeping-${keeping}`));

export async function overview(body, { left }) {
  const asked = new URLSearchParams(location.hash.split("?")[1] ?? "");
  let wanted = asked.get("search") ?? "";
  let only = FILTERS.includes(asked.get("state")) ? asked.get("state") : "all";
  let place = Math.max(1, Number(asked.get("page")) || 1);
  let seen = null;
  let moving = [];

  const heading = h("h1", {}, say("overview"));
  const summary = h("p", { class: "lead", "aria-live": "polite" }, say("asking"));
  const search = h("input", { type: "search", value: wanted, placeholder: say("search-hint"), "aria-label": say("search"), spellcheck: "false" });
  const chips = h("div", { class: "chips", role: "group", "aria-label": say("filter") });
  const live = h("span", { class: "live", role: "status" });
  const list = h("div", {});
  const pager = h("nav", { class: "pager", "aria-label": say("pages") });
  const broken = h("div", {});
  fill(
    body,
    h("div", { class: "head" }, h("div", {}, heading, summary), live),
    broken,
    h("div", { class: "tools" }, h("div", { class: "search" }, icon("search"), search), chips),
    list,
    pager,
  );

  /** Another page, another search: the address has it, so that whoever comes back finds it again. */
  async function turn(change) {
    ({ only = only, place = 1 } = change);
    // What stands there counts, even if it was typed a moment ago.
    clearTimeout(typing);
    wanted = search.value;
    const query = new URLSearchParams({
      ...(wanted ? { search: wanted } : {}), ...(only === "all" ? {} : { state: only }), ...(place > 1 ? { page: place } : {}),
    }).toString();
    history.replaceState(null, "", query ? `#/?${query}` : "#/");
    await look();
  }

  let asking = 0;
  /** Asks for the page and draws it, unless another one is wanted by then. */
  async function look() {
    const own = (asking += 1);
    const query = new URLSearchParams({ page: place, ...(only === "all" ? {} : { state: only }), ...(wanted.trim() ? { search: wanted.trim() } : {}) });
    try {
      const page = await api.get(`/overview?${query}`, { signal: left });
      if (own !== asking) return;
      const now = Date.now();
      seen = { ...page, rows: page.accounts.map((it) => standing(it, now)) };
      place = page.page;
      fill(broken, damage(page.damaged ?? []));
      draw();
    } catch (error) {
      if (!left.aborted && error.code !== "session-unknown") fill(broken, trouble(error));
    }
  }

  function draw() {
    const { counts, rows, found, pages } = seen;
    if (counts.all === 0) fill(summary, say("no-accounts"));
    else if (counts.troubled === 0) fill(summary, say("all-well", { count: number(counts.all) }));
    else fill(summary, say("some-need-you", { count: number(counts.troubled), all: number(counts.all) }));
    summary.classList.toggle("is-troubled", counts.troubled > 0);

    const chip = (name) => {
      const button = h("button", { type: "button", class: "chip", "aria-pressed": String(only === name) },
        say(`filter-${name}`), h("span", { class: "count" }, number(counts[name])));
      button.addEventListener("click", () => turn({ only: name }));
      return button;
    };
    keepFocus(chips, () => fill(chips, FILTERS.filter((it) => it !== "unmanaged" || counts.unmanaged > 0 || only === it).map(chip)));
    moving = [];
    keepFocus(list, () => fill(
      list,
      found === 0
        ? h("p", { class: "empty" }, counts.all === 0 ? say("no-accounts-hint") : say("none-found"))
        : h(
            "table",
            { class: "accounts is-stacked" },
            h("caption", { class: "unseen" }, say("overview")),
            h(
              "thead",
              {},
              h("tr", {}, ["account", "state", "life", "last-rotation", "fetched-today"].map((name) =>
                h("th", { scope: "col", class: `of-${name}` }, say(`column-${name}`)))),
            ),
            h("tbody", {}, rows.map(row)),
          ),
    ));
    const go = (to, words, sign, enabled) => {
      const button = h("button", { type: "button", class: "button is-small", disabled: !enabled }, icon(sign), words);
      button.addEventListener("click", async () => {
        await turn({ place: to });
        heading.scrollIntoView();
      });
      return button;
    };
    keepFocus(pager, () => fill(
      pager,
      pages > 1
        ? [
            go(place - 1, say("page-before"), "back", place > 1),
            h("span", {}, say("page-of", { page: number(place), pages: number(pages) })),
            go(place + 1, say("page-after"), "next", place < pages),
          ]
        : null,
    ));
  }

  function row(it) {
    const { main } = it;
    const bar = lifeBar(main);
    moving.push(bar.move);
    const others = it.credentials.filter((credential) => credential !== main);
    const named = main && main.kind !== "access_token" ? [main, ...others] : others;
    return h(
      "tr",
      { class: `is-${it.state}`, "data-account": it.name },
      h(
        "th",
        { scope: "row" },
        h("a", { class: "mono", href: `#/accounts/${encodeURIComponent(it.name)}` }, it.name),
        main?.failure ? h("p", { class: "why", title: bare(main.failure.message) }, bare(main.failure.message)) : null,
        named.length > 0 ? h("p", { class: "quiet small" }, named.map(({ kind }) => sayIfKnown(`kind-${kind}`) ?? kind).join(" · ")) : null,
      ),
      h("td", { class: "of-state" }, badge(it.state), " ", kept(it), main?.rotating ? h("span", { class: "small quiet" }, ` ${say("rotating")}`) : null),
      h("td", { class: "of-life" }, bar.element),
      h("td", { class: "of-last-rotation", "data-label": say("column-last-rotation") }, main?.began ? ago(main.began) : h("span", { class: "quiet" }, "—")),
      h("td", { class: "of-fetched-today", "data-label": say("column-fetched-today") }, main ? spent(main) : "—"),
    );
  }

  let planned = 0;
  /** Asks soon, once for all that happens meanwhile, and not all consoles at once. */
  function lookSoon(after = SOON + Math.random() * 900) {
    planned ||= setTimeout(async () => {
      if (!left.aborted && !document.hidden) await look();
      planned = 0;
    }, after);
  }

  const isShown = (account) => seen?.rows.some(({ name }) => name === account);
  const stop = api.events.follow(
    (event) => {
      // What goes as planned elsewhere changes nothing here.
      if (event.event === "gap" || isShown(event.account) || !["info", "notice"].includes(event.severity)) lookSoon();
    },
    (is) => {
      live.classList.toggle("is-live", is);
      fill(live, is ? say("live") : say("not-live"));
    },
  );
  live.classList.toggle("is-live", api.events.live);
  fill(live, api.events.live ? say("live") : say("not-live"));
  const beat = setInterval(() => !document.hidden && moving.forEach((move) => move()), 1000);
  const round = setInterval(() => !document.hidden && lookSoon(0), ROUND + Math.random() * 5000);
  const back = () => !document.hidden && lookSoon(0);
  document.addEventListener("visibilitychange", back);
  left.addEventListener("abort", () => {
    stop();
    clearInterval(beat);
    clearInterval(round);
    clearTimeout(planned);
    clearTimeout(typing);
    document.removeEventListener("visibilitychange", back);
  });
  let typing = 0;
  search.addEventListener("input", () => {
    clearTimeout(typing);
    typing = setTimeout(() => turn({}), 200);
  });
  await look();
}

/** Draws something anew under whoever is in it with the keyboard. */
function keepFocus(element, draw) {
  const places = () => [...element.querySelectorAll("a, button")];
  const had = places().indexOf(document.activeElement);
  draw();
  if (had >= 0) (places()[had] ?? places().pop())?.focus({ preventScroll: true });
}

/** What the store has left out. */
const damage = (damaged) =>
  damaged.length === 0
    ? null
    : h("div", { class: "trouble", role: "alert" }, h("p", { class: "trouble-what" }, say("damaged")),
        damaged.map((it) => h("p", {}, h("span", { class: "mono" }, it.record), ` ${it.what}`)));

/** What of the day's fetches is used. */
export function spent({ fetches_today: used = 0, daily_budget: budget }) {
  const part = budget ? used / budget : 0;
  const text = budget ? say("of-budget", { used: number(used), budget: number(budget) }) : number(used);
  return h("span", { class: part > 0.75 ? "spent is-much" : "spent", title: text }, text);
}

