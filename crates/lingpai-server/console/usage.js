// Who uses an account, and for what.

import * as api from "./api.js";
import { ago, h, number, prose, say, sayIfKnown } from "./dom.js";

/** Who read the account's token within a day or had calls forwarded on this day; if nobody did, whose key may. */
export async function clients(name, signal) {
  const of = encodeURIComponent(name);
  try {
    const [{ records }, { clients_today: callers = [] }] = await Promise.all([
      api.get(`/audit?account=${of}&since=24h&limit=1000`, { signal }),
      api.get(`/accounts/${of}`, { signal }),
    ]);
    const rows = new Map();
    const row = (key, who) => {
      if (!rows.has(key)) rows.set(key, { name: who || key, reads: 0, calls: 0, at: null, addresses: new Set() });
      return rows.get(key);
    };
    // The newest comes first.
    for (const { who, action, count, at } of records) {
      if (action !== "token-read") continue;
      const it = row(who.key, who.name);
      it.reads += count;
      it.at ??= at;
      it.addresses.add(who.address);
    }
    for (const { key, name: called, calls } of callers) row(key ?? "", called ?? (key || say("by-token"))).calls += calls;
    if (rows.size > 0) {
      const all = [...rows].sort(([, a], [, b]) => b.calls + b.reads - a.calls - a.reads);
      return [
        h("ul", { class: "rows" }, all.slice(0, 12).map(([key, it]) =>
          h("li", { "data-client": key },
            h("div", {}, h("strong", {}, it.name), h("p", { class: "quiet small mono" }, [...it.addresses].slice(0, 3).join(" ") || key)),
            h("div", { class: "at-end" },
              [it.calls > 0 ? say("calls-forwarded", { count: number(it.calls) }) : null, it.reads > 0 ? say("reads", { count: number(it.reads) }) : null]
                .filter(Boolean).join(" · "),
              it.at ? h("p", { class: "quiet small" }, ago(it.at)) : null)))),
        all.length > 12 ? h("p", { class: "quiet" }, say("and-more", { count: number(all.length - 12) })) : null,
        h("p", { class: "hint" }, say("clients-day"), " ", h("a", { href: `#/audit?account=${of}` }, say("nav-audit"))),
      ];
    }
    const { keys } = await api.get("/keys", { signal });
    const may = keys.filter((key) => key.good && (key.accounts === "all" || key.accounts.includes(name)));
    if (may.length === 0) return h("p", { class: "empty" }, say("no-clients"));
    return [
      h("p", { class: "hint" }, say("clients-may")),
      h("ul", { class: "rows" }, may.slice(0, 12).map((key) =>
        h("li", {}, h("div", {}, h("strong", {}, key.name), h("p", { class: "quiet small mono" }, key.id)),
          h("div", { class: "at-end quiet" }, sayIfKnown(`environment-${key.environment}`) ?? key.environment)))),
      may.length > 12 ? h("p", { class: "quiet" }, say("and-more", { count: number(may.length - 12) })) : null,
    ];
  } catch (error) {
    if (error.name === "AbortError") throw error;
    return h("p", { class: "quiet" }, prose(error.message));
  }
}

/** What was called today, by API. */
export function ledger(calls) {
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

