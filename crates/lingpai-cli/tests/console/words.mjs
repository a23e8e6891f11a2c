// Every page and every question, in both languages: what is to be read, seen or heard, is in the language that was chosen.

import { strict as assert } from "node:assert";
import { accounts, api, go, launch, logIn, open, stored, wrongs } from "./browser.mjs";

const { CONSOLE_PLATFORM: platform } = process.env;
const [good, , failing] = accounts;
/** What others say in their own words: WeChat, robots, and the names of things. */
const FOREIGN = [
  "invalid ip 203.0.113.7, not in whitelist", "reach max api daily quota limit", "sign not match", "MIT / Apache-2.0",
  "lingpai key create", "--role admin", "errcode", "errmsg",
];
/** The names that things were given. */
const NAMES = ["test", "ops", "root", "夜班", "中文"];

await api("POST", "/v1/keys", { name: "夜班", role: "viewer", accounts: "all" });
for (const path of ["cgi-bin/getcallbackip", "cgi-bin/user/info?openid=o1"]) await api("GET", `/gateway/${good}/${path}`);
await api("POST", "/v1/alerts/ops/test", {});

/** Every text that a page has for people: what stands there, and what is read out, shown on pointing or before typing. */
const texts = (page) => page.evaluate(() => {
  const found = [];
  const isShown = (element) => element.checkVisibility?.() ?? true;
  const isCode = (element) => element.closest("code, pre, .mono, [lang]:not(html)") !== null;
  const walker = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
  while (walker.nextNode()) {
    const element = walker.currentNode.parentElement;
    if (isShown(element) && !isCode(element) && !element.closest("script, noscript")) found.push(walker.currentNode.textContent);
  }
  for (const element of document.querySelectorAll("[aria-label], [title], [placeholder], [alt]")) {
    if (!isShown(element) || isCode(element)) continue;
    for (const name of ["aria-label", "title", "placeholder", "alt"]) found.push(element.getAttribute(name) ?? "");
  }
  return found.concat(document.title);
});

/** What of it is in the other language. */
function strange(text, language) {
  if (NAMES.includes(text.trim())) return false;
  let rest = text;
  for (const word of [...FOREIGN, ...NAMES]) rest = rest.replaceAll(word, " ");
  // In Chinese, two words of English beside each other are a sentence that was forgotten, as is a text of one word.
  if (language === "zh") return /[A-Za-z]{2,} +[A-Za-z]{2,}/.test(rest) || /^\s*[A-Z]?[a-z]{3,}[.:]?\s*$/.test(rest);
  // In English, what WeChat's own pages call a thing stands behind it.
  return /[\u4e00-\u9fff]/.test(rest.replace(/\([^)]*\)/g, " "));
}

const browser = await launch();
const left = [];
for (const [language, locale] of [["en", "en-GB"], ["zh", "zh-CN"]]) {
  const { page } = await open(browser, { locale });
  const look = async (where) => {
    // What comes a moment later is read too.
    await page.waitForTimeout(400);
    for (const text of await texts(page)) {
      if (strange(text, language) || text.includes("`")) left.push(`${language}, ${where}: ${text.trim()}`);
    }
  };
  const ask = async (name, where) => {
    await page.locator(".actions button, .head > button", { hasText: name }).first().click();
    await page.getByRole("dialog").waitFor();
    await look(where);
    await page.keyboard.press("Escape");
    await page.getByRole("dialog").waitFor({ state: "detached" });
  };
  const words = (await import(`../../../lingpai-server/console/${language}.js`)).default;
  await page.goto(`${new URL(process.env.CONSOLE_URL).origin}/console/`);
  await page.locator("input[name=key]").waitFor();
  await look("the log-in");
  await page.locator("input[name=key]").fill("lp_wrong");
  await page.keyboard.press("Enter");
  await page.getByRole("alert").waitFor();
  await look("a log-in that fails");
  await logIn(page);
  await look("the overview");
  await page.getByRole("searchbox").fill("nothing");
  await page.locator(".empty").waitFor();
  await look("a search without a find");
  for (const [account, questions] of [
    [good, ["rotate", "pause", "set-secret", "clear-quota", "reveal"]], [failing, []], [stored, []], [platform, ["invite"]], ["wxnobody", []],
  ]) {
    await go(page, `#/accounts/${account}`);
    await page.locator("svg.timeline, [role=alert]").first().waitFor();
    await page.locator(".users > *").first().waitFor({ timeout: account === "wxnobody" ? 1 : 15_000 }).catch(() => {});
    await look(`the account ${account}`);
    for (const question of questions) await ask(words[question], `${question} of ${account}`);
  }
  for (const [hash, mark] of [["#/events", ".event"], ["#/alerts", "[data-alert]"], ["#/audit", "table.audit, .empty"], ["#/keys", "table.keys"], ["#/settings", ".choices"]]) {
    await go(page, hash);
    await page.locator(mark).first().waitFor();
    await look(hash);
  }
  await go(page, "#/alerts");
  await page.locator("[data-alert] button").click();
  await page.locator("[data-alert] [role=status]").waitFor();
  await look("an alert that was tried");
  await go(page, "#/keys");
  await page.locator("table.keys").waitFor();
  await ask(words["make-key"], "a new key");
  await go(page, "#/doctor");
  await page.locator("form button[type=submit]").nth(1).click();
  await page.locator(".finding").first().waitFor();
  await page.locator("form button[type=submit]").nth(1).and(page.locator(":enabled")).waitFor({ timeout: 60_000 });
  await page.locator("textarea").fill('{"errcode": 40164, "errmsg": "invalid ip 203.0.113.7, not in whitelist"}');
  await page.locator("form button[type=submit]").first().click();
  await page.locator(".diagnosis").waitFor();
  await look("the doctor");
  await page.locator(".remedy code, .diagnosis li code").first().waitFor();
  await page.context().close();
}
await browser.close();
assert.deepEqual([...new Set(left)], [], "texts in another language than the one that was chosen, or with marks for code");
assert.deepEqual(wrongs, []);
