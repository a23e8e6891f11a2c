// Each page in both languages, light and dark, wide and narrow, as pictures in the folder that is named.
//
// The sandbox has hurried: a life of two hours has passed in seconds, so that there is something to see. What the server answers is
// shown at WeChat's pace: every time is moved away from now by the same factor, and nothing else is touched.

import { accounts, go, launch, logIn, open, url } from "./browser.mjs";

const folder = process.env.LINGPAI_SCREENSHOTS;
const PACE = Number(process.env.CONSOLE_PACE);
const platform = process.env.CONSOLE_PLATFORM;
const [good, , failing] = accounts;
const TIMES = new Set(["at", "issued_at", "expires_at", "previous_until", "next_at", "failing_since"]);
const SPANS = new Set(["expires_in", "life", "retry_after"]);

function slowed(value, name, now) {
  if (Array.isArray(value)) return value.map((it) => slowed(it, "", now));
  if (value && typeof value === "object") {
    // The server's sentence has the life in words: the page makes its own of what is slowed.
    // A pushed ticket has not hurried.
    if (["rotated", "repeated"].includes(value.event) && value.kind !== "component_verify_ticket") delete value.text;
    return Object.fromEntries(Object.entries(value).map(([key, it]) => [key, slowed(it, key, now)]));
  }
  if (TIMES.has(name) && typeof value === "string") return new Date(now + (Date.parse(value) - now) * PACE).toISOString();
  if (SPANS.has(name) && typeof value === "number") return Math.round(value * PACE);
  // The day of an account that never had a token has not hurried.
  if (name === "daily_budget") return value > PACE ? Math.round(value / PACE) : value;
  return value;
}

const browser = await launch();
for (const [language, locale] of [["en", "en-GB"], ["zh", "zh-CN"]]) {
  const options = { locale, timezoneId: "Asia/Shanghai", reducedMotion: "reduce", colorScheme: "light" };
  const { page } = await open(browser, { ...options, viewport: { width: 1200, height: 760 } });
  await page.route(/\/console\/v1\/(accounts|overview|events\/history)/, async (route) => {
    const response = await route.fetch();
    await route.fulfill({ response, json: slowed(await response.json(), "", Date.now()) });
  });
  const shoot = async (name) => {
    // What comes live is not slowed, so the list of events must not wait.
    await page.waitForTimeout(name === "console-events" ? 100 : 700);
    await page.screenshot({ path: `${folder}/${name}.${language}.jpg`, type: "jpeg", quality: 70 });
  };
  await page.goto(`${url}/console/`);
  await page.locator("input[name=key]").waitFor();
  await shoot("console-login");
  await logIn(page);
  await page.locator(`tr[data-account="${good}"]`).waitFor();
  await shoot("console-accounts");
  for (const [name, hash, mark] of [
    ["console-account", `#/accounts/${good}`, "svg.timeline"],
    ["console-trouble", `#/accounts/${failing}`, "svg.timeline"],
    ["console-platform", `#/accounts/${platform}`, ".crowd tr[data-account]"],
    ["console-keys", "#/keys", "table.keys"],
    ["console-alerts", "#/alerts", "[data-alert]"],
    ["console-audit", "#/audit", "table.audit"],
    ["console-events", "#/events", ".event"],
    ["console-settings", "#/settings", ".choices"],
  ]) {
    await go(page, hash);
    await page.locator(mark).first().waitFor();
    if (name === "console-platform") await page.locator(".crowd").evaluate((it) => scrollTo(0, it.offsetTop - 24));
    await shoot(name);
  }
  await go(page, "#/doctor");
  await page.locator("textarea").fill('{"errcode": 40164, "errmsg": "invalid ip 203.0.113.7, not in whitelist"}');
  await page.locator("form.card button[type=submit]").first().click();
  await page.locator(".diagnosis").waitFor();
  await shoot("console-doctor");
  await page.emulateMedia({ colorScheme: "dark", reducedMotion: "reduce" });
  await go(page, `#/accounts/${good}`);
  await page.locator("svg.timeline").waitFor();
  await shoot("console-dark");
  await page.setViewportSize({ width: 390, height: 780 });
  await page.emulateMedia({ colorScheme: "light", reducedMotion: "reduce" });
  await go(page, "#/");
  await page.locator(`tr[data-account="${good}"]`).waitFor();
  await shoot("console-phone");
}
await browser.close();
