// One account: how its credentials stand, what happened to them, who uses them, and what can be done.

import * as api from "./api.js";
import { ago, badge, bare, clock, exactly, fill, h, icon, keepFocus, number, prose, say, sayIfKnown } from "./dom.js";
import { kept, lifeBar, spent, standing } from "./standing.js";
import { clearQuota, invite, keep, reveal, rotate, setSecret } from "./deeds.js";
import { accountList } from "./list.js";
import { clients, ledger } from "./usage.js";
import { timeline } from "./timeline.js";
import { line } from "./events.js";

/** Whether others authorise it: a platform, or a suite. */
const isAuthorised = ({ credentials }) => credentials.some(({ kind }) => ["component_access_token", "suite_access_token"].includes(kind));

export async function account(body, { left, parts: [name] }) {
  const path = `/accounts/${encodeURIComponent(name)}`;
  document.title = `${name} · Lingpai`;
  const head = h("div", {});
  const main = h("div", { class: "grid" });
  const crowd = h("section", { class: "crowd", hidden: true }, h("h2", {}, say("authorizers")));
  fill(body, h("p", {}, h("a", { class: "back", href: "#/" }, icon("back"), say("nav-accounts"))), head, main, crowd);

  let moving = [];
  let history = [];

  async function look() {
    const [status, told] = await Promise.all([
      api.get(path, { signal: left }),
      api.get(`/events/history?account=${encodeURIComponent(name)}&limit=400`, { signal: left }),
    ]);
    history = told.events;
    const it = standing(status);
    keepFocus(body, () => draw(it));
  }

  const users = h("div", { class: "users" });
  async function lookForUsers() {
    fill(users, await clients(name, left));
  }

  /** Those who have authorised it, if it is of the sort that is authorised: listed once, and kept by themselves. */
  function showCrowd(it) {
    if (!isAuthorised(it) || !crowd.hidden) return;
    crowd.hidden = false;
    const list = h("div", {});
    crowd.append(list);
    accountList(list, { left, platform: name, caption: say("authorizers"), empty: say("no-authorizers") });
  }

  function draw(it) {
    moving = [];
    showCrowd(it);
    fill(
      head,
      h(
        "div",
        { class: "head" },
        h("div", {}, h("h1", { class: "mono" }, it.name), h("p", { class: "lead" }, badge(it.state), kept(it), setup(it), lead(it))),
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

  function setup({ kind, mode, platform }) {
    return [
      kind ? h("span", {}, sayIfKnown(`account-${kind}`) ?? kind) : null,
      mode && ["official-account", "mini-program", "mini-game"].includes(kind) ? h("span", {}, sayIfKnown(`mode-${mode}`) ?? mode) : null,
      platform ? h("span", {}, say("authorised"), " ", h("a", { class: "mono", href: `#/accounts/${encodeURIComponent(platform)}` }, platform)) : null,
    ];
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
      h("p", { class: "trouble-what" }, prose(bare(it.message))),
      it.remedy ? h("p", {}, prose(it.remedy)) : null,
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
    /** Does it, and shows what came of it. */
    const then = (deed) => async () => {
      if (await deed(it.name, it)) await look();
    };
    const hasQuota = !it.name.includes(":");
    return [
      button(say("rotate"), then(rotate), "button is-first"),
      button(say(it.keeping === "managed" ? "pause" : "resume"), then(keep)),
      button(say("set-secret"), then(setSecret)),
      isAuthorised(it) ? button(say("invite"), () => invite(it.name, it)) : null,
      hasQuota ? button(say("clear-quota"), then(clearQuota)) : null,
      api.current()?.reveal ? button(say("reveal"), then(reveal)) : null,
      h("a", { class: "button", href: `#/doctor?${encodeURIComponent(it.name)}` }, say("check-up")),
    ];
  }

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
  const round = setInterval(() => !document.hidden && lookForUsers().catch(() => {}), 60_000);
  left.addEventListener("abort", () => clearInterval(round));
  await Promise.all([look(), lookForUsers()]);
}
