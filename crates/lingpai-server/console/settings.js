// What belongs to whoever looks: the language, the light, and what this is.

import * as api from "./api.js";
import { exactly, fill, h, language, say, setLanguage, ago } from "./dom.js";
import { setTheme, theme } from "./theme.js";

export async function settings(body, { left }) {
  const session = api.current();
  const choice = (name, options, chosen, words, choose) =>
    h("fieldset", { class: "choices" }, h("legend", {}, say(name)), options.map((option) =>
      h("label", { class: "choice" },
        h("input", { type: "radio", name, value: option, checked: option === chosen, onchange: () => choose(option) }),
        h("span", { lang: name === "language" ? option : null }, words(option)))));
  const pair = (term, value) => h("div", {}, h("dt", {}, term), h("dd", {}, value));
  const nodes = h("section", { class: "card is-wide", hidden: true });
  fill(
    body,
    h("div", { class: "head" }, h("div", {}, h("h1", {}, say("nav-settings")))),
    h("div", { class: "grid" },
      h("section", { class: "card" }, h("h2", {}, say("look")),
        choice("language", ["en", "zh"], language(), (it) => (it === "en" ? "English" : "中文"), (it) => {
          setLanguage(it);
          dispatchEvent(new Event("lingpai-language"));
        }),
        choice("theme", ["system", "light", "dark"], theme(), (it) => say(`theme-${it}`), setTheme)),
      h("section", { class: "card" }, h("h2", {}, say("session")),
        h("dl", { class: "facts" },
          pair(say("column-key"), [h("strong", {}, session.key.name), " ", h("span", { class: "mono quiet small" }, session.key.id)]),
          pair(say("accounts-of-key"), session.accounts === "all" ? say("all-accounts") : session.accounts.join(" ")),
          pair(say("session-ends"), exactly(session.expires_at)),
          pair(say("reveal"), say(session.reveal ? "reveal-on" : "reveal-off")))),
      h("section", { class: "card" }, h("h2", {}, say("about")),
        h("p", {}, say("about-lingpai")),
        h("dl", { class: "facts" }, pair(say("version"), session.version), pair(say("licence"), "MIT / Apache-2.0"),
          pair("API", h("a", { href: "/openapi.json" }, "/openapi.json")))),
      nodes),
  );
  try {
    const told = await api.get("/nodes", { signal: left });
    if (told.nodes.length === 0) return;
    nodes.hidden = false;
    fill(nodes, h("h2", {}, say("nodes")), h("ul", { class: "rows" }, told.nodes.map((node) =>
      h("li", {}, h("strong", {}, node.name), h("span", { class: "mono small quiet" }, node.address), h("span", {}, node.version),
        node.this ? h("span", { class: "chip is-still" }, say("this-node")) : null, ago(node.since)))));
  } catch (error) {
    if (error.name === "AbortError") throw error;
    // A key for some accounts only does not see the nodes.
  }
}
