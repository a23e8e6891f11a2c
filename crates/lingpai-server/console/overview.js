// Every account: those that need somebody first, each with the life of its token as a bar that moves.

import * as api from "./api.js";
import { ago, badge, bare, fill, h, icon, number, say, span, trouble } from "./dom.js";

const PAGE = 50;
/** From the worst to the best. */
const ORDER = ["missing", "refused", "failing", "idle", "good"];
const TROUBLES = new Set(["missing", "refused", "failing"]);
/** How often all of it is asked for again, beside what is told meanwhile. */
const ROUND = 60_000;

/** An account as the page needs it; times are those of this machine. */
export function standing(account, asked = Date.now()) {
  const credentials = account.credentials.map((credential) => {
    const ends = credential.expires_in === undefined ? null : asked + credential.expires_in * 1000;
    const began = credential.issued_at ? Date.parse(credential.issued_at) : null;
    return { ...credential, ends, began };
  });
  const main = credentials.find(({ kind }) => kind === "access_token") ?? credentials[0];
  const state = ORDER.find((it) => credentials.some((credential) => credential.state === it)) ?? "idle";
  return { name: account.account, credentials, main, state, callsToday: account.calls_today };
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

export async function overview(body, { left }) {
  const known = new Map();
  let wanted = "";
  let only = "all";
  let place = 0;
  let moving = [];
  let damaged = [];
  let whole = false;

  const heading = h("h1", {}, say("overview"));
  const summary = h("p", { class: "lead", "aria-live": "polite" }, say("asking"));
  const search = h("input", { type: "search", placeholder: say("search-hint"), "aria-label": say("search"), spellcheck: "false" });
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

  const rank = ({ state }) => ORDER.indexOf(state);
  const since = ({ main }) => main?.failing_since ?? "";
  const compare = (a, b) =>
    rank(a) - rank(b) || since(a).localeCompare(since(b)) || (a.name < b.name ? -1 : a.name > b.name ? 1 : 0);

  function draw() {
    const all = [...known.values()];
    const count = (state) => all.filter((it) => it.state === state).length;
    const troubled = all.filter((it) => TROUBLES.has(it.state)).length;
    if (!whole && all.length === 0) fill(summary, say("asking"));
    else if (all.length === 0) fill(summary, say("no-accounts"));
    else if (troubled === 0) fill(summary, say("all-well", { count: number(all.length) }));
    else fill(summary, say("some-need-you", { count: number(troubled), all: number(all.length) }));
    summary.classList.toggle("is-troubled", troubled > 0);

    const chip = (name, how) => {
      const button = h("button", { type: "button", class: "chip", "aria-pressed": String(only === name) },
        say(`filter-${name}`), h("span", { class: "count" }, number(how)));
      button.addEventListener("click", () => {
        only = name;
        place = 0;
        draw();
        chips.querySelector("[aria-pressed=true]")?.focus();
      });
      return button;
    };
    const had = document.activeElement?.closest?.(".chips") === chips;
    fill(chips, chip("all", all.length), chip("troubled", troubled), chip("good", count("good")), chip("idle", count("idle")));
    if (had) chips.querySelector("[aria-pressed=true]")?.focus();

    const text = wanted.trim().toLowerCase();
    const found = all
      .filter((it) => only === "all" || (only === "troubled" ? TROUBLES.has(it.state) : it.state === only))
      .filter((it) => !text || it.name.toLowerCase().includes(text) || it.main?.failure?.message.toLowerCase().includes(text))
      .sort(compare);
    const pages = Math.max(1, Math.ceil(found.length / PAGE));
    place = Math.min(place, pages - 1);
    const shown = found.slice(place * PAGE, (place + 1) * PAGE);
    moving = [];
    fill(
      list,
      found.length === 0 && whole
        ? h("p", { class: "empty" }, all.length === 0 ? say("no-accounts-hint") : say("none-found"))
        : h(
            "table",
            { class: "accounts" },
            h("caption", { class: "unseen" }, say("overview")),
            h(
              "thead",
              {},
              h("tr", {}, ["account", "state", "life", "last-rotation", "fetched-today"].map((name) =>
                h("th", { scope: "col", class: `of-${name}` }, say(`column-${name}`)))),
            ),
            h("tbody", {}, shown.map(row)),
          ),
    );
    const go = (to, words, sign, enabled) => {
      const button = h("button", { type: "button", class: "button is-small", disabled: !enabled }, icon(sign), words);
      button.addEventListener("click", () => {
        place = to;
        draw();
        heading.scrollIntoView();
      });
      return button;
    };
    fill(
      pager,
      pages > 1
        ? [
            go(place - 1, say("page-before"), "back", place > 0),
            h("span", {}, say("page-of", { page: number(place + 1), pages: number(pages) })),
            go(place + 1, say("page-after"), "next", place < pages - 1),
          ]
        : null,
    );
    fill(
      broken,
      damaged.length > 0
        ? h("div", { class: "trouble", role: "alert" }, h("p", { class: "trouble-what" }, say("damaged")),
            damaged.map((it) => h("p", {}, h("span", { class: "mono" }, it.record), ` ${it.what}`)))
        : null,
    );
  }

  function row(it) {
    const { main } = it;
    const bar = lifeBar(main);
    moving.push(bar.move);
    const others = it.credentials.filter((credential) => credential !== main);
    return h(
      "tr",
      { class: `is-${it.state}`, "data-account": it.name },
      h(
        "th",
        { scope: "row" },
        h("a", { class: "mono", href: `#/accounts/${encodeURIComponent(it.name)}` }, it.name),
        main?.failure ? h("p", { class: "why" }, bare(main.failure.message)) : null,
        others.length > 0 ? h("p", { class: "quiet small" }, others.map(({ kind }) => kind).join(" · ")) : null,
      ),
      h("td", { class: "of-state" }, badge(it.state), main?.rotating ? h("span", { class: "small quiet" }, ` ${say("rotating")}`) : null),
      h("td", { class: "of-life" }, bar.element),
      h("td", { class: "of-last-rotation", "data-label": say("column-last-rotation") }, main?.began ? ago(main.began) : h("span", { class: "quiet" }, "—")),
      h("td", { class: "of-fetched-today", "data-label": say("column-fetched-today") }, main ? spent(main) : "—"),
    );
  }

  let planned = 0;
  /** Draws soon, and once for all that happens meanwhile. */
  function drawSoon() {
    planned ||= setTimeout(() => {
      planned = 0;
      if (!left.aborted) draw();
    }, 150);
  }

  async function askAll() {
    const asked = Date.now();
    try {
      const found = await api.accounts((soFar) => {
        if (!whole) {
          for (const it of soFar) known.set(it.account, standing(it, asked));
          drawSoon();
        }
      });
      if (left.aborted) return;
      ({ damaged } = found);
      known.clear();
      for (const it of found.accounts) known.set(it.account, standing(it, asked));
      whole = true;
      drawSoon();
    } catch (error) {
      if (!left.aborted && error.code !== "session-unknown") fill(broken, trouble(error));
    }
  }

  const again = new Set();
  async function askSome() {
    const names = [...again];
    again.clear();
    if (names.length > 20) return askAll();
    for (const name of names) {
      try {
        known.set(name, standing(await api.get(`/accounts/${encodeURIComponent(name)}`, { signal: left })));
      } catch (error) {
        if (error.code === "account-unknown") known.delete(name);
      }
    }
    drawSoon();
  }

  let asking = 0;
  const stop = api.events.follow(
    (event) => {
      if (event.event === "gap") return void askAll();
      if (!event.account) return;
      again.add(event.account);
      // Not all consoles at once.
      asking ||= setTimeout(() => {
        asking = 0;
        if (!left.aborted) askSome();
      }, 200 + Math.random() * 800);
    },
    (is) => {
      live.classList.toggle("is-live", is);
      fill(live, is ? say("live") : say("not-live"));
    },
  );
  live.classList.toggle("is-live", api.events.live);
  fill(live, api.events.live ? say("live") : say("not-live"));
  const beat = setInterval(() => !document.hidden && moving.forEach((move) => move()), 1000);
  const round = setInterval(() => !document.hidden && askAll(), ROUND + Math.random() * 10_000);
  left.addEventListener("abort", () => {
    stop();
    clearInterval(beat);
    clearInterval(round);
    clearTimeout(planned);
  });
  search.addEventListener("input", () => {
    wanted = search.value;
    place = 0;
    drawSoon();
  });
  await askAll();
}

/** What of the day's fetches is used. */
export function spent({ fetches_today: used = 0, daily_budget: budget }) {
  const part = budget ? used / budget : 0;
  const text = budget ? say("of-budget", { used: number(used), budget: number(budget) }) : number(used);
  return h("span", { class: part > 0.75 ? "spent is-much" : "spent", title: text }, text);
}

