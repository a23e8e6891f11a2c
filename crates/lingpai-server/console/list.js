// A list of accounts: those that need somebody first, each with the life of its token as a bar that moves. It is sorted, searched
// and cut into pages by the server, so that it does not matter how many there are.

import * as api from "./api.js";
import { ago, badge, bare, fill, h, icon, keepFocus, number, plain, prose, say, sayIfKnown, trouble } from "./dom.js";
import { kept, lifeBar, spent, standing } from "./standing.js";

const FILTERS = ["all", "troubled", "good", "idle", "unmanaged"];
/** How often the page is asked for again, beside what is told meanwhile. */
const ROUND = 15_000;
/** The server gathers how all accounts stand once a second, so what has just happened is seen a little later. */
const SOON = 1100;

/** The list in `body`, until `left`. `platform` has it show those only that have authorised this one; `caption` is what it is called,
    `empty` what is said when there is nobody at all. `place` is where it begins: `search`, `state`, `page`; `turned` hears of each other
    place that is looked at, and `told` of each page that came. Resolves when the first is there. */
export async function accountList(body, { left, platform, caption, empty, place = {}, turned, told, live = h("span", {}) }) {
  let wanted = place.search ?? "";
  let only = FILTERS.includes(place.state) ? place.state : "all";
  let at = Math.max(1, Number(place.page) || 1);
  let seen = null;
  let moving = [];

  const search = h("input", { type: "search", value: wanted, placeholder: say("search-hint"), "aria-label": say("search"), spellcheck: "false" });
  const chips = h("div", { class: "chips", role: "group", "aria-label": say("filter") });
  const broken = h("div", {});
  const list = h("div", {});
  const pager = h("nav", { class: "pager", "aria-label": say("pages") });
  fill(body, broken, h("div", { class: "tools" }, h("div", { class: "search" }, icon("search"), search), chips), list, pager);

  async function turn(change) {
    ({ only = only, page: at = 1 } = change);
    // What stands there counts, even if it was typed a moment ago.
    clearTimeout(typing);
    wanted = search.value;
    turned?.({ ...(wanted ? { search: wanted } : {}), ...(only === "all" ? {} : { state: only }), ...(at > 1 ? { page: at } : {}) });
    await look();
  }

  let asking = 0;
  /** Asks for the page and draws it, unless another one is wanted by then. */
  async function look() {
    const own = (asking += 1);
    const query = new URLSearchParams({
      page: at, ...(platform ? { platform } : {}), ...(only === "all" ? {} : { state: only }), ...(wanted.trim() ? { search: wanted.trim() } : {}),
    });
    try {
      const page = await api.get(`/overview?${query}`, { signal: left });
      if (own !== asking) return;
      const now = Date.now();
      seen = { ...page, rows: page.accounts.map((it) => standing(it, now)) };
      at = page.page;
      fill(broken);
      told?.(page);
      draw();
    } catch (error) {
      if (!left.aborted && error.code !== "session-unknown") fill(broken, trouble(error));
    }
  }

  function draw() {
    const { counts, rows, found, pages } = seen;
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
        ? h("p", { class: "empty" }, counts.all === 0 ? empty : say("none-found"))
        : h(
            "table",
            { class: "accounts is-stacked" },
            h("caption", { class: "unseen" }, caption),
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
        await turn({ page: to });
        body.scrollIntoView();
      });
      return button;
    };
    keepFocus(pager, () => fill(
      pager,
      pages > 1
        ? [
            go(at - 1, say("page-before"), "back", at > 1),
            h("span", {}, say("page-of", { page: number(at), pages: number(pages) })),
            go(at + 1, say("page-after"), "next", at < pages),
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
        main?.failure ? h("p", { class: "why", title: plain(bare(main.failure.message)) }, prose(bare(main.failure.message))) : null,
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
