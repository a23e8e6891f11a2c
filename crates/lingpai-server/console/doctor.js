// What is wrong: a box for whatever an error says, and a check-up of everything.

import * as api from "./api.js";
import { ago, clock, day, field, fill, h, icon, number, prose, say, sayIfKnown, trouble } from "./dom.js";

const SIGN = { passed: "good", warned: "failing", failed: "missing", skipped: "idle" };

export async function doctor(body, { left }) {
  const of = decodeURIComponent(location.hash.split("?")[1] ?? "");
  const pasted = h("textarea", { rows: 5, class: "mono", required: true, spellcheck: "false", placeholder: say("diagnose-example") });
  const account = h("input", { class: "mono", value: of, spellcheck: "false", autocomplete: "off" });
  const diagnosis = h("div", { "aria-live": "polite" });
  const ask1 = h("button", { type: "submit", class: "button is-first" }, say("diagnose"));
  const form = h("form", { class: "card" }, h("h2", {}, say("diagnose-title")), field(say("diagnose-box"), pasted, say("diagnose-hint")),
    field(say("diagnose-account"), account), h("div", { class: "form-actions" }, ask1), diagnosis);
  form.addEventListener("submit", async (event) => {
    event.preventDefault();
    ask1.disabled = true;
    fill(diagnosis, h("p", { class: "quiet" }, say("asking")));
    try {
      const asked = { text: pasted.value, ...(account.value.trim() ? { account: account.value.trim() } : {}) };
      // What was pasted may hold a token: it is not kept on the page either.
      pasted.value = "";
      fill(diagnosis, told(await api.call("POST", "/diagnose", asked, { signal: left })));
    } catch (error) {
      fill(diagnosis, trouble(error));
    }
    ask1.disabled = false;
  });

  const findings = h("ol", { class: "findings" });
  const state = h("p", { class: "lead", role: "status" });
  const plan = h("p", { class: "hint" });
  const whom = h("input", { class: "mono", value: of, spellcheck: "false", autocomplete: "off", placeholder: say("all-accounts") });
  const run = h("button", { type: "submit", class: "button is-first" }, say("run-doctor"));
  const checks = h("form", { class: "card" }, h("h2", {}, say("doctor-title")), h("p", { class: "hint" }, say("doctor-hint")),
    h("div", { class: "in-line" }, field(say("column-account"), whom), run), plan, state, findings);
  checks.addEventListener("submit", async (event) => {
    event.preventDefault();
    run.disabled = true;
    fill(findings);
    fill(plan);
    fill(state, say("asking"));
    try {
      const wanted = whom.value.trim() ? { account: whom.value.trim() } : {};
      await api.stream("POST", "/doctor", wanted, ({ event: name, data }) => {
        if (!data) return;
        const it = JSON.parse(data);
        if (name === "plan") fill(plan, prose(it.text));
        else if (name === "checking") fill(state, say("checking", { what: it.title, of: it.account ?? "" }));
        else if (name === "finding") findings.append(finding(it));
        else if (name === "done") {
          fill(state, say(it.worst === "passed" || it.worst === "skipped" ? "doctor-well" : "doctor-ill", {
            passed: number(it.passed), warned: number(it.warned), failed: number(it.failed), calls: number(it.calls),
          }));
        }
      }, left);
      sort(findings);
    } catch (error) {
      if (error.name !== "AbortError") fill(state, trouble(error));
    }
    run.disabled = false;
  });
  // What came of the last one, unless another is under way by now.
  api.get("/doctor", { signal: left }).then(({ last }) => {
    if (!last || state.textContent) return;
    fill(state, say("doctor-last", {
      at: `${day(last.at)} ${clock(last.at)}`, of: last.account ?? say("all-accounts"),
      passed: number(last.passed), warned: number(last.warned), failed: number(last.failed),
    }));
    findings.append(...last.findings.map((it) => finding(it, last.at)));
    sort(findings);
  }).catch(() => {});
  fill(body, h("div", { class: "head" }, h("div", {}, h("h1", {}, say("nav-doctor")), h("p", { class: "lead" }, say("doctor-lead")))), form, checks);
}

/** The worst first. */
function sort(findings) {
  const rank = ["failed", "warned", "skipped", "passed"];
  findings.append(...[...findings.children].sort((a, b) => rank.indexOf(a.dataset.verdict) - rank.indexOf(b.dataset.verdict)));
}

/** What was found; with when, if that was not at the last of all. */
function finding(it, lastAt = it.at) {
  const { verdict } = it;
  return h(
    "li",
    { class: `finding is-${verdict}`, "data-verdict": verdict, "data-check": it.check },
    h("span", { class: `badge is-${SIGN[verdict] ?? "idle"}` }, icon(SIGN[verdict] ?? "idle"), sayIfKnown(`verdict-${verdict}`) ?? verdict),
    h("div", {},
      h("strong", {}, it.title),
      it.account ? h("span", { class: "mono small quiet" }, ` ${it.account}`) : null,
      it.subject ? h("span", { class: "mono small quiet" }, ` ${it.subject}`) : null,
      it.at !== lastAt ? h("span", { class: "small quiet" }, " · ", ago(it.at)) : null,
      it.evidence ? h("p", {}, prose(it.evidence)) : null,
      it.remedy ? h("p", { class: "remedy" }, prose(it.remedy)) : null),
  );
}

/** A diagnosis, for people. */
function told(it) {
  const evidence = (it.evidence ?? []).map(({ at, text }) =>
    h("li", {}, at ? h("time", { datetime: at, title: day(at) }, clock(at)) : null, h("span", {}, prose(text))));
  return h(
    "section",
    { class: "diagnosis", "data-cause": it.cause },
    h("h3", {}, prose(it.headline)),
    it.certain === false ? h("p", { class: "hint" }, say("likeliest")) : null,
    it.explained ? h("p", {}, it.errcode ? h("span", { class: "mono" }, `${it.errcode} `) : null, prose(it.explained)) : null,
    evidence.length > 0 ? [h("h4", {}, say("evidence")), h("ul", { class: "evidence" }, evidence)] : null,
    (it.remedy ?? []).length > 0 ? [h("h4", {}, say("remedy")), h("ol", {}, it.remedy.map((step) => h("li", {}, prose(step))))] : null,
    h("p", { class: "quiet small" }, it.account ? h("a", { class: "mono", href: `#/accounts/${encodeURIComponent(it.account)}` }, it.account) : null,
      it.fingerprint ? h("span", { class: "mono" }, ` ${it.fingerprint.slice(0, 12)}…`) : null,
      it.asked_wechat ? ` ${say("asked-wechat", { count: number(it.asked_wechat) })}` : null),
  );
}

