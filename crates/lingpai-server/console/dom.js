// Elements, words, times. Whatever is shown becomes a text node: nothing here, or anywhere else, makes markup out of text, and
// the page's policy would not allow it.

import en from "./en.js";
import zh from "./zh.js";

const LANGUAGE = "lingpai-language";

/** "en" or "zh": as was chosen here, or what the browser prefers. */
export function language() {
  let chosen = null;
  try {
    chosen = localStorage.getItem(LANGUAGE);
  } catch {
    // Then what the browser prefers.
  }
  if (chosen === "en" || chosen === "zh") return chosen;
  return (navigator.languages ?? []).find((it) => /^(en|zh)\b/.test(it))?.startsWith("zh") ? "zh" : "en";
}

export function setLanguage(name) {
  try {
    localStorage.setItem(LANGUAGE, name);
  } catch {
    // Then it lasts as long as the browser's own.
  }
}

/** The words of this name; `values` stand for `{name}` in them. */
export function say(name, values = {}) {
  const words = (language() === "zh" ? zh : en)[name];
  if (words === undefined) return name;
  return words.replace(/\{(\w+)\}/g, (_, key) => values[key] ?? "");
}

/** The words of this name, or null if there are none: for names that come from a newer server. */
export function sayIfKnown(name) {
  return (language() === "zh" ? zh : en)[name] ?? null;
}

/** An element. `on…` are listeners, `class` and the like are attributes, false and null leave one out. */
export function h(tag, attributes = {}, ...children) {
  return filled(document.createElement(tag), attributes, children);
}

/** The same in a picture. */
export function s(tag, attributes = {}, ...children) {
  return filled(document.createElementNS("http://www.w3.org/2000/svg", tag), attributes, children);
}

function filled(element, attributes, children) {
  for (const [name, value] of Object.entries(attributes)) {
    if (value === false || value === null || value === undefined) continue;
    if (name.startsWith("on")) element.addEventListener(name.slice(2), value);
    else if (name === "value") element.value = value;
    else element.setAttribute(name, value === true ? "" : value);
  }
  element.append(...children.flat(3).filter((child) => child !== null && child !== undefined && child !== false));
  return element;
}

/** Puts these in place of what an element holds. */
export function fill(element, ...children) {
  element.replaceChildren(...children.flat(3).filter((child) => child !== null && child !== undefined && child !== false));
  return element;
}

/** Draws something anew under whoever is in it with the keyboard. */
export function keepFocus(element, draw) {
  const places = () => [...element.querySelectorAll("a, button, [tabindex='0']")];
  const before = document.activeElement;
  const had = places().indexOf(before);
  draw();
  if (had >= 0 && !before.isConnected) (places()[had] ?? places().pop())?.focus({ preventScroll: true });
}

/** Where the keyboard goes when what it was on has been drawn anew: to what is called the same, or else to the page. */
function focusLike(before) {
  const called = (element) => element.getAttribute("aria-label") ?? element.textContent;
  const same = [...document.querySelectorAll("main a, main button")].find((it) => called(it) === called(before));
  (same ?? document.getElementById("main"))?.focus({ preventScroll: true });
}

/** A sign beside words: never alone, so it is hidden from those who listen. */
export function icon(name) {
  const paths = {
    good: "M5 12.5l4.5 4.5L19 7.5",
    idle: "M6 12h12",
    failing: "M12 7v6M12 16.5v.5",
    refused: "M7 7l10 10M17 7L7 17",
    missing: "M7 7l10 10M17 7L7 17",
    search: "M11 4a7 7 0 1 0 0 14 7 7 0 0 0 0-14zM16.2 16.2L21 21",
    accounts: "M4 6h16M4 12h16M4 18h10",
    audit: "M6 4h12v16H6zM9 9h6M9 13h6M9 17h3",
    alerts: "M6 17h12l-1.5-2.5V11a4.5 4.5 0 0 0-9 0v3.5L6 17zM10.5 20h3",
    keys: "M14 10a4 4 0 1 0-3.5 4L12 15.5h2v2h2v2h3v-3l-5.2-5.2",
    events: "M4 13h4l2.5-7 4 13L17 11h3",
    doctor: "M12 5v14M5 12h14",
    settings: "M5 8h9M18 8h1M5 16h1M10 16h9M16 6v4M8 14v4",
    back: "M14 6l-6 6 6 6",
    next: "M10 6l6 6-6 6",
    out: "M10 5H5v14h5M14 8l4 4-4 4M18 12H9",
  };
  return s(
    "svg",
    { class: `icon icon-${name}`, viewBox: "0 0 24 24", "aria-hidden": "true", focusable: "false" },
    s("path", { d: paths[name] ?? paths.idle }),
  );
}

/** Of the worst and the best: how a state is shown, in colour, sign and word. */
export function badge(state) {
  return h("span", { class: `badge is-${state}` }, icon(state), say(`state-${state}`));
}

/** `1h 22m`, to two places. */
export function span(seconds) {
  const whole = Math.max(0, Math.floor(seconds));
  const parts = [
    [Math.floor(whole / 86400), "d"],
    [Math.floor(whole / 3600) % 24, "h"],
    [Math.floor(whole / 60) % 60, "m"],
    [whole % 60, "s"],
  ];
  const first = parts.findIndex(([count]) => count > 0);
  if (first < 0) return `0${say("unit-s")}`;
  const shown = parts.slice(first, first + 2).filter(([count], place) => place === 0 || count > 0);
  return shown.map(([count, unit]) => `${count}${say(`unit-${unit}`)}`).join(" ");
}

/** `3m ago`, with the very time for whoever points at it. */
export function ago(time) {
  if (!time) return h("span", { class: "quiet" }, say("never"));
  const at = new Date(time);
  const seconds = (Date.now() - at) / 1000;
  const text = seconds < 0 ? say("in-time", { span: span(-seconds) }) : say("time-ago", { span: span(seconds) });
  return h("time", { datetime: at.toISOString(), title: exactly(at), "data-ago": at.toISOString() }, text);
}

/** Has the times on a page go on. */
export function keepTimes(root) {
  for (const element of root.querySelectorAll("[data-ago]")) {
    const seconds = (Date.now() - new Date(element.dataset.ago)) / 1000;
    const text = seconds < 0 ? say("in-time", { span: span(-seconds) }) : say("time-ago", { span: span(seconds) });
    if (element.textContent !== text) element.textContent = text;
  }
}

const locale = () => (language() === "zh" ? "zh-CN" : "en-GB");

export function exactly(time) {
  return new Date(time).toLocaleString(locale(), { dateStyle: "medium", timeStyle: "medium" });
}

export function clock(time) {
  return new Date(time).toLocaleTimeString(locale(), { hour: "2-digit", minute: "2-digit", second: "2-digit" });
}

export function day(time) {
  return new Date(time).toLocaleDateString(locale(), { year: "numeric", month: "short", day: "numeric" });
}

export function number(value) {
  return Number(value).toLocaleString(locale());
}

/** A text in which `…` is what is typed, or read as it stands: that becomes an element of code with the text in it. */
export const prose = (text) =>
  (text ?? "").split(/`([^`]+)`/).map((part, place) => (place % 2 ? h("code", { class: "typed" }, part) : part));

/** The same where there can be no elements. */
export const plain = (text) => (text ?? "").replace(/`([^`]+)`/g, "$1");

/** What WeChat says, without the number of the request, which is shown by itself. */
export const bare = (message) => message.replace(/\s*rid:\s*[\w-]+\s*$/, "");

/** Says something at the edge of the page, and to those who listen. */
export function tell(text, kind = "good") {
  const toast = h("div", { class: `toast is-${kind}` }, icon(kind === "good" ? "good" : "failing"), h("span", {}, prose(text)));
  document.getElementById("said").append(toast);
  setTimeout(() => toast.remove(), kind === "good" ? 5000 : 9000);
}

/** What a refusal says: what happened and what to do. */
export function trouble(error) {
  return h(
    "div",
    { class: "trouble", role: "alert" },
    h("p", { class: "trouble-what" }, prose(error.message || say("no-answer"))),
    error.remedy ? h("p", {}, prose(error.remedy)) : null,
    error.upstream
      ? h("p", { class: "quiet mono" }, `${error.upstream.errcode} ${error.upstream.errmsg} ${error.upstream.rid ?? ""}`)
      : null,
  );
}

/** Asks before something is done. `act` does it; what it throws is shown, and the question stays. Resolves to what it gave. */
export function ask({ title, body, action, danger = false, act, done }) {
  return new Promise((resolve) => {
    const said = h("div", {});
    const go = h("button", { type: "submit", class: danger ? "button is-danger" : "button is-first" }, action);
    const form = h(
      "form",
      { class: "dialog-form" },
      h("h2", { id: "dialog-title" }, title),
      h("div", { class: "dialog-body" }, body),
      said,
      h(
        "div",
        { class: "dialog-actions" },
        h("button", { type: "button", class: "button", onclick: () => dialog.close() }, say("cancel")),
        go,
      ),
    );
    const dialog = h("dialog", { class: "dialog", "aria-labelledby": "dialog-title" }, form);
    const before = document.activeElement;
    let outcome = null;
    form.addEventListener("submit", async (event) => {
      event.preventDefault();
      go.disabled = true;
      try {
        outcome = (await act(new FormData(form))) ?? true;
        if (done) {
          const close = h("button", { type: "button", class: "button is-first", onclick: () => dialog.close() }, say("close"));
          fill(form, h("h2", { id: "dialog-title" }, title), done(outcome), h("div", { class: "dialog-actions" }, close));
        } else dialog.close();
      } catch (error) {
        fill(said, trouble(error));
        go.disabled = false;
      }
    });
    dialog.addEventListener("close", () => {
      dialog.remove();
      if (!before?.isConnected) focusLike(before);
      resolve(outcome);
    });
    document.body.append(dialog);
    dialog.showModal();
  });
}

/** A labelled field. */
export function field(label, input, hint) {
  const id = `field-${Math.random().toString(36).slice(2)}`;
  input.id = id;
  if (hint) input.setAttribute("aria-describedby", `${id}-hint`);
  return h(
    "div",
    { class: "field" },
    h("label", { for: id }, label),
    input,
    hint ? h("p", { class: "hint", id: `${id}-hint` }, hint) : null,
  );
}

export function copyButton(text) {
  const button = h("button", { type: "button", class: "button is-small" }, say("copy"));
  button.addEventListener("click", async () => {
    await navigator.clipboard?.writeText(text);
    button.textContent = say("copied");
  });
  return button;
}
