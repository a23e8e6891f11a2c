// How an account stands, in signs and words that the list of accounts and an account's own page share.

import { h, icon, number, say, span } from "./dom.js";

/** From the worst to the best. */
const ORDER = ["missing", "refused", "failing", "idle", "good"];

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
  const { account: name, calls_today: callsToday, clients_today: clientsToday, keeping = "managed", account_kind: kind, mode, platform } = account;
  return { name, credentials, main, state, callsToday, clientsToday, keeping, kind, mode, platform };
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

/** What of the day's fetches is used. */
export function spent({ fetches_today: used = 0, daily_budget: budget }) {
  const part = budget ? used / budget : 0;
  const text = budget ? say("of-budget", { used: number(used), budget: number(budget) }) : number(used);
  return h("span", { class: part > 0.75 ? "spent is-much" : "spent", title: text }, text);
}

