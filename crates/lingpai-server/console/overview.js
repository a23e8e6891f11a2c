// Every account, and how many of them need somebody.

import * as api from "./api.js";
import { fill, h, number, say } from "./dom.js";
import { accountList } from "./list.js";

export async function overview(body, { left }) {
  const summary = h("p", { class: "lead", "aria-live": "polite" }, say("asking"));
  const live = h("span", { class: "live", role: "status" });
  const broken = h("div", {});
  const list = h("div", {});
  fill(body, h("div", { class: "head" }, h("div", {}, h("h1", {}, say("overview")), summary), live), broken, list);
  await accountList(list, {
    left,
    live,
    caption: say("overview"),
    empty: say("no-accounts-hint"),
    place: Object.fromEntries(new URLSearchParams(location.hash.split("?")[1] ?? "")),
    // The address has the place, so that whoever comes back finds it again.
    turned: (place) => {
      const query = new URLSearchParams(place).toString();
      history.replaceState(null, "", query ? `#/?${query}` : "#/");
    },
    told: ({ counts, damaged = [] }) => {
      if (counts.all === 0) fill(summary, say("no-accounts"));
      else if (counts.troubled === 0) fill(summary, say("all-well", { count: number(counts.all) }));
      else fill(summary, say("some-need-you", { count: number(counts.troubled), all: number(counts.all) }));
      summary.classList.toggle("is-troubled", counts.troubled > 0);
      fill(broken, damage(damaged));
    },
  });
}

/** What the store has left out. */
const damage = (damaged) =>
  damaged.length === 0
    ? null
    : h("div", { class: "trouble", role: "alert" }, h("p", { class: "trouble-what" }, say("damaged")),
        damaged.map((it) => h("p", {}, h("span", { class: "mono" }, it.record), ` ${it.what}`)));
