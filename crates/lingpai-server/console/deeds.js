// What can be done to an account: each is asked for once more, and what comes of it is said.

import * as api from "./api.js";
import { ask, copyButton, exactly, field, h, number, prose, s, say, tell, trouble } from "./dom.js";

const path = (account) => `/accounts/${encodeURIComponent(account)}`;
const KEEPING = ["managed", "observe", "paused"];

export async function rotate(account) {
  const at = `${path(account)}/token/rotate`;
  // A refusal stands in the question, which can be answered as soon as the time that it names has come.
  const foreseen = await api.call("POST", at, { dry_run: true })
    .then(({ breaks }) => h("ul", {}, breaks.map((it) => h("li", {}, prose(it)))), trouble);
  const outcome = await ask({
    title: say("rotate-title"),
    body: [h("p", {}, say("rotate-what", { account })), foreseen, h("p", { class: "hint" }, say("rotate-hint"))],
    action: say("rotate"),
    act: () => api.call("POST", at, {}),
  });
  if (outcome?.explanation) tell(outcome.explanation);
  return outcome;
}

export async function setSecret(account) {
  const input = h("input", { type: "password", name: "secret", required: true, autocomplete: "off", class: "mono", spellcheck: "false" });
  const outcome = await ask({
    title: say("set-secret"),
    body: [h("p", {}, say("set-secret-what", { account })), field("AppSecret", input, say("set-secret-hint"))],
    action: say("set-secret-do"),
    act: (form) => api.call("PUT", `${path(account)}/secret`, { secret: form.get("secret") }),
  });
  if (outcome) tell(outcome.warning ?? say("set-secret-done"), outcome.warning ? "failing" : "good");
  return outcome;
}

/** Whether anything is fetched. */
export async function keep(account, { keeping }) {
  const wanted = keeping === "managed" ? "paused" : "managed";
  const choice = (name) =>
    h("label", { class: "choice is-explained" },
      h("input", { type: "radio", name: "keeping", value: name, checked: name === wanted }),
      h("span", {}, h("strong", {}, say(`keeping-${name}`)), h("span", { class: "hint" }, say(`keeping-${name}-what`))));
  const outcome = await ask({
    title: say("keep-title", { account }),
    body: h("fieldset", {}, h("legend", { class: "unseen" }, say("keep-title", { account })), KEEPING.map(choice)),
    action: say("keep-do"),
    act: (form) => api.call("PATCH", path(account), { keeping: form.get("keeping") }),
  });
  if (outcome) tell(say("keep-done", { account, keeping: say(`keeping-${outcome.keeping}`) }));
  return outcome;
}

export async function clearQuota(account) {
  const { clearings } = await api.get(`${path(account)}/quota`);
  const outcome = await ask({
    title: say("clear-quota-title"),
    body: [
      h("p", {}, say("clear-quota-what", { account })),
      h("p", { class: clearings.used >= clearings.most ? "trouble" : "hint" },
        say("clear-quota-used", { used: number(clearings.used), most: number(clearings.most), month: clearings.month })),
    ],
    action: say("clear-quota"),
    danger: true,
    act: () => api.call("POST", `${path(account)}/quota/clear`, {}),
  });
  if (outcome) tell(outcome.explanation);
  return outcome;
}

const LIVES = { "1h": 3600, "1d": 86_400, "7d": 7 * 86_400 };

/** Has a link made for whoever is to authorise a platform or a suite, and shows it, as a QR code too. */
export function invite(account, { credentials }) {
  const isPlatform = credentials.some(({ kind }) => kind === "component_access_token");
  const choice = (name, options) => h("select", { name }, options.map((it) => h("option", { value: it }, say(`${name}-${it}`))));
  const only = h("input", { name: "only", class: "mono", autocomplete: "off", spellcheck: "false", placeholder: "wx…" });
  return ask({
    title: say("invite-title", { account }),
    body: [
      h("p", {}, say("invite-what")),
      isPlatform ? [field(say("offered"), choice("offered", ["all", "official-accounts", "mini-programs"])), field(say("only"), only, say("only-hint"))] : null,
      field(say("good-until"), choice("lasting", Object.keys(LIVES))),
    ],
    action: say("invite-do"),
    act: (form) => api.call("POST", `${path(account)}/authorization-links`, {
      expires_in: LIVES[form.get("lasting")],
      ...(form.get("offered") ? { offered: form.get("offered") } : {}),
      ...(form.get("only")?.trim() ? { only: form.get("only").trim() } : {}),
    }),
    done: (link) => [
      h("p", {}, say("invite-done", { time: exactly(link.expires_at) })),
      h("div", { class: "secret" }, h("code", { id: "link" }, link.url), copyButton(link.url)),
      qr(link.qr ?? []),
    ],
  });
}

/** A QR code whose dark places are given row by row, in the quiet zone that readers need. */
function qr(rows) {
  if (rows.length === 0) return null;
  const dark = rows.flatMap((row, y) => [...row].map((it, x) => (it === "#" ? `M${x + 4} ${y + 4}h1v1h-1z` : "")));
  const size = rows.length + 8;
  return s("svg", { class: "qr", viewBox: `0 0 ${size} ${size}`, role: "img", "aria-label": say("qr") },
    s("rect", { class: "qr-light", width: size, height: size }), s("path", { class: "qr-dark", d: dark.join("") }));
}

export const reveal = (account) =>
  ask({
    title: say("reveal"),
    body: [h("p", {}, say("reveal-what", { account }))],
    action: say("reveal-do"),
    danger: true,
    act: () => api.get(`${path(account)}/token`),
    done: (token) => h("div", { class: "secret" }, h("code", {}, token.access_token), copyButton(token.access_token)),
  });
