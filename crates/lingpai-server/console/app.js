// The console begins here: who is logged in, which page the address asks for, and the frame around it.

import * as api from "./api.js";
import { fill, h, icon, keepTimes, language, say, setLanguage, tell, trouble, field } from "./dom.js";
import { overview } from "./overview.js";
import { account } from "./account.js";
import { keys } from "./keys.js";
import { eventsPage } from "./events.js";
import { audit } from "./audit.js";
import { alerts } from "./alerts.js";
import { doctor } from "./doctor.js";
import { settings } from "./settings.js";

const PAGES = [
  { path: /^#\/accounts\/([^/]+)$/, page: account, of: "accounts" },
  { path: /^#\/keys$/, page: keys, of: "keys" },
  { path: /^#\/events$/, page: eventsPage, of: "events" },
  { path: /^#\/audit(?:\?|$)/, page: audit, of: "audit" },
  { path: /^#\/alerts$/, page: alerts, of: "alerts" },
  { path: /^#\/doctor(?:\?|$)/, page: doctor, of: "doctor" },
  { path: /^#\/settings$/, page: settings, of: "settings" },
  { path: /^/, page: overview, of: "accounts" },
];

const root = document.getElementById("app");
/** Ends what the page before had going on. */
let leave = new AbortController();

function logIn(why) {
  leave.abort();
  const said = h("div", {}, why ? h("p", { class: "hint" }, why) : null);
  const key = h("input", {
    type: "password",
    name: "key",
    autocomplete: "current-password",
    required: true,
    spellcheck: "false",
    autofocus: true,
    placeholder: "lp_…",
    class: "mono",
  });
  const button = h("button", { type: "submit", class: "button is-first is-wide" }, say("log-in"));
  const form = h(
    "form",
    { class: "login card" },
    h("img", { src: "/console/icon.svg", alt: "", width: 48, height: 48 }),
    h("h1", {}, say("welcome")),
    h("p", { class: "quiet" }, say("log-in-with")),
    field(say("admin-key"), key),
    said,
    button,
    h("p", { class: "hint" }, say("no-key")),
  );
  form.addEventListener("submit", async (event) => {
    event.preventDefault();
    button.disabled = true;
    try {
      await api.logIn(key.value.trim());
      frame();
    } catch (error) {
      fill(said, trouble(error));
      button.disabled = false;
      key.select();
    }
  });
  document.title = `${say("log-in")} · Lingpai`;
  fill(root, h("main", { class: "alone" }, form, languageSwitch()));
  key.focus();
}

function languageSwitch() {
  const other = language() === "zh" ? "en" : "zh";
  const button = h("button", { type: "button", class: "button is-plain", lang: other }, say("other-language"));
  button.addEventListener("click", () => {
    setLanguage(other);
    start();
  });
  return button;
}

function frame() {
  const link = (of, href) =>
    h("a", { href, "data-of": of }, icon(of), h("span", {}, say(`nav-${of}`)));
  const out = h("button", { type: "button", class: "button is-plain out" }, icon("out"), h("span", {}, say("log-out")));
  out.addEventListener("click", async () => {
    api.events.stop();
    await api.logOut().catch(() => {});
    logIn(say("logged-out"));
  });
  const main = h("main", { id: "main", tabindex: "-1" });
  const skip = h("a", { class: "skip", href: "#main" }, say("skip"));
  skip.addEventListener("click", (event) => {
    event.preventDefault();
    main.focus();
  });
  const nav = h(
    "nav",
    { "aria-label": say("nav") },
    link("accounts", "#/"),
    link("events", "#/events"),
    link("alerts", "#/alerts"),
    link("audit", "#/audit"),
    link("keys", "#/keys"),
    link("doctor", "#/doctor"),
    link("settings", "#/settings"),
  );
  const brand = h(
    "a",
    { class: "brand", href: "#/" },
    h("img", { src: "/console/icon.svg", alt: "", width: 28, height: 28 }),
    h("span", {}, say("brand")),
  );
  fill(root, skip, h("div", { class: "frame" }, h("header", { class: "side" }, brand, nav, out), main));
  show();
}

function show() {
  const main = document.getElementById("main");
  if (!main || !api.current()) return;
  leave.abort();
  leave = new AbortController();
  document.querySelectorAll("dialog").forEach((dialog) => dialog.close());
  const { path, page, of } = PAGES.find(({ path }) => path.test(location.hash));
  for (const link of document.querySelectorAll("nav a")) {
    if (link.dataset.of === of) link.setAttribute("aria-current", "page");
    else link.removeAttribute("aria-current");
  }
  const [, ...parts] = (location.hash.match(path) ?? []).map((part) => {
    try {
      return decodeURIComponent(part);
    } catch {
      return part;
    }
  });
  const body = h("div", { class: "page" });
  fill(main, body);
  document.title = `${say(`nav-${of}`)} · Lingpai`;
  Promise.resolve(page(body, { left: leave.signal, parts })).catch((error) => {
    if (error.name !== "AbortError" && error.code !== "session-unknown") fill(body, trouble(error));
  });
  scrollTo(0, 0);
}

async function start() {
  document.documentElement.lang = language() === "zh" ? "zh-CN" : "en";
  try {
    if (await api.whoIs()) frame();
    else logIn();
  } catch (error) {
    fill(root, h("main", { class: "alone" }, h("h1", {}, "Lingpai"), trouble(error)));
    setTimeout(start, 5000);
  }
}

api.onEnd(() => {
  api.events.stop();
  logIn(say("session-over"));
});
addEventListener("hashchange", () => {
  show();
  document.getElementById("main")?.focus({ preventScroll: true });
});
addEventListener("lingpai-language", () => {
  api.events.stop();
  start();
});
addEventListener("unhandledrejection", (event) => {
  const { reason } = event;
  // Whoever left a page does not wait for what it had asked.
  if (reason?.name === "AbortError") event.preventDefault();
  else tell(reason?.message || say("no-answer"), "failing");
});
setInterval(() => keepTimes(document.body), 1000);
start();
