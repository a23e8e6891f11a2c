// Each page in both languages, light and dark, wide and narrow, as pictures in the folder that is named.

import { accounts, api, go, launch, logIn, open } from "./browser.mjs";

const folder = process.env.LINGPAI_SCREENSHOTS;
const [good, , failing] = accounts;
const browser = await launch();
for (const [language, locale] of [["en", "en-GB"], ["zh", "zh-CN"]]) {
  const options = { locale, timezoneId: "Asia/Shanghai", reducedMotion: "reduce" };
  const { page } = await open(browser, { ...options, viewport: { width: 1200, height: 760 } });
  const shoot = async (name) => {
    await page.waitForTimeout(400);
    await page.screenshot({ path: `${folder}/${name}.${language}.jpg`, type: "jpeg", quality: 72 });
  };
  await page.goto(`${process.env.CONSOLE_URL}/console/`);
  await page.locator("input[name=key]").waitFor();
  await shoot("console-login");
  await logIn(page);
  await page.locator(`tr[data-account="${good}"]`).waitFor();
  await shoot("console-accounts");
  for (const [name, hash, mark] of [
    ["console-account", `#/accounts/${good}`, "svg.timeline"],
    ["console-trouble", `#/accounts/${failing}`, "svg.timeline"],
    ["console-keys", "#/keys", "table.keys"],
    ["console-events", "#/events", ".event"],
    ["console-settings", "#/settings", ".choices"],
  ]) {
    await go(page, hash);
    await page.locator(mark).first().waitFor();
    await shoot(name);
  }
  await go(page, "#/doctor");
  await page.locator("textarea").waitFor();
  if ((await api("POST", "/v1/diagnose", { errcode: 40001 })).status !== 404) {
    await page.locator("textarea").fill('{"errcode": 40164, "errmsg": "invalid ip 203.0.113.7, not in whitelist"}');
    await page.locator("form.card button[type=submit]").first().click();
    await page.locator(".diagnosis").waitFor();
  }
  await shoot("console-doctor");
  await page.emulateMedia({ colorScheme: "dark", reducedMotion: "reduce" });
  await go(page, "#/");
  await page.locator(`tr[data-account="${good}"]`).waitFor();
  await shoot("console-dark");
  await page.setViewportSize({ width: 390, height: 780 });
  await page.emulateMedia({ colorScheme: "light", reducedMotion: "reduce" });
  await shoot("console-phone");
}
await browser.close();
