// Where messages about trouble go, whether they arrive, and one to try.

import * as api from "./api.js";
import { ago, fill, h, icon, number, prose, say, sayIfKnown, tell, trouble } from "./dom.js";

/** How often it is looked at again. */
const ROUND = 10_000;

export async function alerts(body, { left }) {
  const list = h("div", { class: "grid" }, h("p", { class: "quiet" }, say("asking")));
  fill(body, h("div", { class: "head" }, h("div", {}, h("h1", {}, say("nav-alerts")), h("p", { class: "lead" }, say("alerts-lead")))), list);

  /** What came of the last message to try, by the alert's name. */
  const tried = new Map();
  async function look() {
    try {
      const told = await api.get("/alerts", { signal: left });
      const had = document.activeElement?.dataset?.test;
      fill(list, told.alerts.length === 0 ? none() : told.alerts.map(card));
      if (had) list.querySelector(`[data-test="${CSS.escape(had)}"]`)?.focus({ preventScroll: true });
    } catch (error) {
      if (error.name === "AbortError") throw error;
      fill(list, trouble(error));
    }
  }

  const none = () => h("section", { class: "card is-wide" }, h("p", {}, say("alerts-none")), h("p", { class: "hint" }, say("alerts-none-hint")),
    h("pre", { class: "mono" }, "[[alert]]\nname = \"ops\"\nrobot = \"wecom\"\nurl = { env = \"OPS_ROBOT\" }"));

  function card(it) {
    const pair = (term, value) => h("div", {}, h("dt", {}, term), h("dd", {}, value));
    const state = it.failure ? "failing" : it.sent > 0 ? "good" : "idle";
    const button = h("button", { type: "button", class: "button", "data-test": it.name }, say("alert-test"));
    button.addEventListener("click", async () => {
      button.disabled = true;
      try {
        const { outcome, explanation } = await api.call("POST", `/alerts/${encodeURIComponent(it.name)}/test`, {});
        tried.set(it.name, { outcome, explanation });
        if (outcome === "sent") tell(explanation);
      } catch (error) {
        tried.set(it.name, { outcome: "failed", explanation: error.message });
      }
      await look();
    });
    const last = tried.get(it.name);
    return h(
      "section",
      { class: "card", "data-alert": it.name },
      h("div", { class: "card-head" }, h("h2", {}, it.name), h("span", { class: `badge is-${state}` }, icon(state), say(`alert-${state}`))),
      h("p", { class: "quiet" }, sayIfKnown(`robot-${it.robot}`) ?? it.robot, " · ", h("span", { class: "mono small" }, it.host)),
      h("dl", { class: "facts" },
        pair(say("alert-firing"), number(it.firing)),
        pair(say("alert-waiting"), number(it.waiting)),
        pair(say("alert-sent"), number(it.sent)),
        pair(say("alert-failed"), number(it.failed)),
        pair(say("alert-last"), ago(it.sent_at))),
      it.failure ? h("div", { class: "trouble" }, h("p", { class: "trouble-what" }, prose(it.failure)), it.retrying ? h("p", {}, say("alert-retrying")) : null) : null,
      last ? h("p", { class: `tried is-${last.outcome}`, role: "status" }, icon(last.outcome === "sent" ? "good" : "failing"), " ", prose(last.explanation)) : null,
      h("div", { class: "form-actions" }, button),
    );
  }

  const round = setInterval(() => !document.hidden && look().catch(() => {}), ROUND);
  left.addEventListener("abort", () => clearInterval(round));
  await look();
}
