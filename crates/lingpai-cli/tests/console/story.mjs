// The main ways through the console, in a real browser. Ends with an error where one of them is not as it should be.

import { strict as assert } from "node:assert";
import { accessible, accounts, api, go, key, launch, logIn, open, requests, rotate, stored, url, wrongs } from "./browser.mjs";

const [good, , failing, , , spent] = accounts;
const browser = await launch();
const { page, context } = await open(browser);
const step = (name) => console.log(`- ${name}`);

step("a wrong key is refused in words, and the right one lets in");
await page.goto(`${url}/console/`);
await accessible(page, "the log-in");
await page.locator("input[name=key]").fill("lp_wrong");
await page.keyboard.press("Enter");
await page.getByRole("alert").getByText("this API key is not known here").waitFor();
await logIn(page);
const cookies = await context.cookies();
assert.deepEqual(cookies.map(({ name, httpOnly, sameSite, path }) => ({ name, httpOnly, sameSite, path })), [
  { name: "lingpai_session", httpOnly: true, sameSite: "Strict", path: "/console" },
]);
assert.ok(!(await page.evaluate(() => JSON.stringify({ ...localStorage }) + document.cookie)).includes(key.slice(0, 8)));

step("the overview has every account, those in trouble first");
await page.locator(`tr[data-account]`).nth(accounts.length - 1).waitFor();
// Two have none; the one that has been without for longer is the first.
const without = page.locator(`[data-account="${failing}"], [data-account="${spent}"]`);
await page.locator("tr[data-account]").first().and(without).waitFor();
await page.locator("tr[data-account]").nth(1).and(without).waitFor();
await page.locator(`tr[data-account="${failing}"] .badge`).getByText("No token").waitFor();
await accessible(page, "the overview");
await page.getByRole("searchbox").fill(good);
await page.locator("tr[data-account]").nth(1).waitFor({ state: "detached" });
assert.equal(await page.locator("tr[data-account]").count(), 1);
await page.getByRole("searchbox").fill("");

step("a bar moves as a life runs out");
const fill = page.locator(`tr[data-account="${good}"] .life-fill`);
const before = await fill.evaluate((element) => element.style.transform);
await page.waitForFunction(
  ([name, then]) => document.querySelector(`tr[data-account="${name}"] .life-fill`)?.style.transform !== then,
  [good, before],
);

step("the address has what is looked for, so that whoever comes back finds it again");
await page.getByRole("button", { name: "Need somebody" }).click();
await page.locator(`tr[data-account="${good}"]`).waitFor({ state: "detached" });
assert.match(page.url(), /#\/\?state=troubled$/);
await page.locator(`tr[data-account="${failing}"] a`).click();
await page.locator("svg.timeline").waitFor();
await page.goBack();
await page.locator('[aria-pressed=true]', { hasText: "Need somebody" }).waitFor();
await go(page, "#/");
await page.locator(`tr[data-account="${good}"]`).waitFor();

step("a rotation that somebody else asks for is seen as it happens");
await page.locator(".live.is-live").waitFor();
await go(page, `#/accounts/${good}`);
await page.locator("svg.timeline").waitFor();
const generation = () => page.locator(".facts dd").nth(1).innerText();
const was = Number(await generation());
await rotate(good);
await page.locator(".facts dd").nth(1).getByText(String(was + 1), { exact: true }).waitFor();
await page.locator(".event[data-event=rotated]").first().waitFor();
await accessible(page, "an account");

step("rotate, after a question, without the token coming here");
const other = accounts[1];
const number = (await api("GET", `/v1/accounts/${other}`)).json.credentials.find(({ kind }) => kind === "access_token").generation;
await go(page, `#/accounts/${other}`);
await page.getByRole("heading", { name: other }).waitFor();
await page.getByRole("button", { name: "Rotate now" }).click();
await page.getByRole("dialog").getByRole("button", { name: "Cancel" }).waitFor();
await accessible(page, "the question");
for (;;) {
  const answer = page.waitForResponse((response) => response.url().endsWith("/token/rotate"));
  await page.getByRole("dialog").getByRole("button", { name: "Rotate now" }).click();
  const text = await (await answer).text();
  assert.ok(!text.includes("access_token\":"), text);
  if (!text.includes("rotation-denied")) break;
  await page.getByRole("dialog").getByRole("alert").getByText("moments ago").first().waitFor();
  await page.waitForTimeout(500);
}
await page.getByRole("dialog").waitFor({ state: "detached" });
await page.locator(".facts dd").nth(1).getByText(String(number + 1), { exact: true }).waitFor();
const seen = await page.evaluate(async (account) => (await fetch(`/console/v1/accounts/${account}/token`)).status, other);
assert.equal(seen, 401, "no token for a cookie alone");

step("whoever has a keyboard only keeps his place, whatever happens meanwhile");
await go(page, `#/accounts/${good}`);
await page.locator("svg.timeline").waitFor();
const rotateNow = page.getByRole("button", { name: "Rotate now" });
const isAt = (text) => page.waitForFunction((it) => document.activeElement.textContent === it, text);
await rotateNow.focus();
await page.keyboard.press("Enter");
await page.getByRole("dialog").waitFor();
await page.keyboard.press("Escape");
await page.getByRole("dialog").waitFor({ state: "detached" });
await isAt("Rotate now");
await page.keyboard.press("Enter");
await page.getByRole("dialog").waitFor();
// The page is drawn anew under the question, and once more when that is closed.
const one = Number(await generation());
await rotate(good);
await page.locator(".facts dd").nth(1).getByText(String(one + 1), { exact: true }).waitFor();
await page.keyboard.press("Escape");
await page.getByRole("dialog").waitFor({ state: "detached" });
await isAt("Rotate now");
await rotate(good);
await page.locator(".facts dd").nth(1).getByText(String(one + 2), { exact: true }).waitFor();
await isAt("Rotate now");
await go(page, `#/accounts/${other}`);
await page.getByRole("heading", { name: other }).waitFor();
assert.equal(await page.title(), `${other} · Lingpai`);

step("a secret that WeChat refuses is refused here in words");
await page.getByRole("button", { name: "Set secret" }).click();
await page.getByLabel("AppSecret").fill("0123456789abcdef0123456789abcdef");
await page.getByRole("dialog").getByRole("button", { name: "Try and set" }).click();
await page.getByRole("dialog").getByRole("alert").waitFor();
await page.keyboard.press("Escape");

step("an account is paused and taken up again, which every page shows");
await go(page, `#/accounts/${stored}`);
await page.getByRole("button", { name: "Pause" }).click();
await accessible(page, "what is done for an account");
await page.getByRole("dialog").getByRole("button", { name: "Take over" }).click();
await page.locator(".lead .badge", { hasText: "Paused" }).waitFor();
assert.equal((await api("GET", `/v1/accounts/${stored}`)).json.keeping, "paused");
await go(page, "#/");
await page.locator(`tr[data-account="${stored}"] .badge`, { hasText: "Paused" }).waitFor();
await page.getByRole("button", { name: "Not fetched" }).click();
await page.locator(`tr[data-account="${good}"]`).waitFor({ state: "detached" });
await go(page, `#/accounts/${stored}`);
await page.getByRole("button", { name: "Resume" }).click();
await page.getByRole("dialog").getByRole("button", { name: "Take over" }).click();
await page.getByRole("button", { name: "Pause" }).waitFor();
assert.equal((await api("GET", `/v1/accounts/${stored}`)).json.keeping, undefined);

step("an account of the configuration is not changed here, and that is said");
await go(page, `#/accounts/${good}`);
await page.getByRole("button", { name: "Pause" }).click();
await page.getByRole("dialog").getByRole("button", { name: "Take over" }).click();
await page.getByRole("dialog").getByRole("alert").getByText("lingpai.toml").first().waitFor();
await page.keyboard.press("Escape");

step("a quota is cleared, after the question how often that was done");
await page.getByRole("button", { name: "Clear quota" }).click();
await page.getByRole("dialog").getByText("Cleared 0 of 10 times").waitFor();
await accessible(page, "a quota to be cleared");
await page.getByRole("dialog").getByRole("button", { name: "Clear quota" }).click();
await page.getByRole("dialog").waitFor({ state: "detached" });
assert.equal((await api("GET", `/v1/accounts/${good}/quota`)).json.clearings.used, 1);

step("who did it is on record");
await go(page, "#/audit");
await page.locator("tr[data-action=quota-cleared]").getByText(good).waitFor();
await page.locator("tr[data-action=account-updated]").getByText(stored).first().waitFor();
await accessible(page, "the audit trail");
await page.getByLabel("Account", { exact: true }).fill(stored);
await page.getByRole("button", { name: "Show" }).click();
await page.locator("tr[data-action=quota-cleared]").waitFor({ state: "detached" });

step("an alert that does not arrive says why, and another one can be tried");
await go(page, "#/alerts");
const alert = page.locator("[data-alert=ops]");
await alert.getByText("Does not arrive").waitFor();
await alert.getByRole("button", { name: "Send a test" }).click();
await alert.getByRole("status").getByText("sign not match").waitFor();
await accessible(page, "the alerts");

step("make a key, see it once, use it, revoke it");
await go(page, "#/keys");
await page.getByRole("button", { name: "New key" }).click();
await page.getByLabel("Name", { exact: true }).fill("night shift");
await accessible(page, "a new key");
await page.getByRole("dialog").getByRole("button", { name: "Make it" }).click();
const made = await page.locator("#new-key").innerText();
assert.match(made, /^lp_/);
await page.getByRole("dialog").getByRole("button", { name: "Close" }).click();
const use = () => fetch(`${url}/v1/accounts/${good}/token`, { headers: { Authorization: `Bearer ${made}` } });
assert.equal((await use()).status, 200);
const row = page.locator("tr[data-key]", { hasText: "night shift" });
await row.waitFor();
assert.ok(!(await page.content()).includes(made), "seen once");
await accessible(page, "the keys");
await row.getByRole("button", { name: "Revoke" }).click();
await page.getByRole("dialog").getByRole("button", { name: "Revoke" }).click();
await row.waitFor({ state: "detached" });
assert.equal((await use()).status, 401);

step("an event is followed as it happens");
await go(page, "#/events");
await page.locator(".live.is-live").waitFor();
await page.locator(".event").first().waitFor();
const counted = await page.locator(".event").count();
const changed = await api("PATCH", `/v1/accounts/${accounts[3]}`, { lead: 900 });
if (changed.status === 200) await page.locator(".event[data-event=account-changed].is-new").first().waitFor();
else {
  await rotate(accounts[3]);
  await page.locator(".event.is-new").first().waitFor();
}
assert.ok((await page.locator(".event").count()) > counted);
await accessible(page, "the events");

step("a check-up, and what an error means");
await go(page, "#/doctor");
await accessible(page, "the doctor");
await page.getByLabel("Account", { exact: true }).fill(failing);
await page.getByRole("button", { name: "Run the check-up" }).click();
await page.locator(".finding.is-failed").getByText("whitelist").first().waitFor();
await page.getByText(/\d+ failed, \d+ to look at, \d+ passed/).waitFor({ timeout: 30_000 });
assert.equal(await page.locator(".finding").first().getAttribute("data-verdict"), "failed", "the worst comes first");
await accessible(page, "a check-up");
await page.getByLabel(/Paste an error/).fill('{"errcode": 40164, "errmsg": "invalid ip 203.0.113.7"}');
await page.getByRole("button", { name: "Diagnose" }).click();
await page.locator(".diagnosis[data-cause=ip-not-allowed] h3").waitFor();
await accessible(page, "a diagnosis");

step("a token that was refused is judged by its fingerprint, and is not kept on the page");
const pasted = (await api("GET", `/v1/accounts/${other}/token`)).json.access_token;
await page.getByLabel(/Paste an error/).fill(`errcode 40001 access_token=${pasted}`);
await page.getByRole("button", { name: "Diagnose" }).click();
await page.locator(".diagnosis[data-cause=current]").getByText("the call that was refused is at fault").waitFor();
assert.equal(await page.getByLabel(/Paste an error/).inputValue(), "");
assert.ok(!(await page.content()).includes(pasted), "the token is on the page");

step("what came of the last check-up is there for whoever comes later");
await go(page, "#/keys");
await page.getByRole("button", { name: "New key" }).waitFor();
await go(page, "#/doctor");
await page.getByText(/The last check-up on this node was at .*: \d+ failed/).waitFor();
assert.equal(await page.locator(".finding").first().getAttribute("data-verdict"), "failed", "the worst comes first");

step("another language, and the light");
await go(page, "#/settings");
await page.getByRole("radio", { name: "中文" }).check();
await page.getByRole("heading", { name: "设置" }).waitFor();
assert.equal(await page.evaluate(() => document.documentElement.lang), "zh-CN");
await page.getByRole("radio", { name: "深色" }).check();
for (const [hash, heading] of [["#/settings", "设置"], ["#/", "账号"], [`#/accounts/${good}`, good], ["#/keys", "密钥"], ["#/events", "事件"], ["#/audit", "审计"], ["#/alerts", "告警"], ["#/doctor", "诊断"]]) {
  await go(page, hash);
  await page.getByRole("heading", { name: heading, level: 1 }).waitFor();
  await accessible(page, `${hash} in Chinese, in the dark`);
}

step("on a phone nothing is wider than the screen, and keys alone are enough");
await page.setViewportSize({ width: 375, height: 740 });
for (const hash of ["#/", `#/accounts/${failing}`, "#/keys", "#/events", "#/audit", "#/alerts", "#/doctor", "#/settings"]) {
  await go(page, hash);
  await page.locator("h1").waitFor();
  const wide = await page.evaluate(() => document.documentElement.scrollWidth - document.documentElement.clientWidth);
  assert.ok(wide <= 0, `${hash} is ${wide} pixels too wide`);
  await accessible(page, `${hash} on a phone`);
}
await page.setViewportSize({ width: 1280, height: 800 });
await go(page, "#/");
await page.locator("table.accounts").waitFor();
await page.locator("table.accounts a").first().focus();
await page.keyboard.press("Enter");
await page.locator("svg.timeline").waitFor();

step("wherever the keyboard goes, it is seen where it is");
for (const hash of ["#/", `#/accounts/${good}`, "#/keys", "#/events", "#/audit", "#/alerts", "#/doctor", "#/settings"]) {
  await go(page, hash);
  await page.locator("h1").waitFor();
  await page.waitForTimeout(300);
  const seen = new Set();
  for (let presses = 0; presses < 60; presses += 1) {
    await page.keyboard.press("Tab");
    const place = await page.evaluate(() => {
      const { activeElement: it } = document;
      if (it === document.body) return null;
      const mark = it.type === "radio" || it.type === "checkbox" ? it.parentElement : it;
      const marked = [it, mark].some((one) => {
        const { outlineStyle, boxShadow } = getComputedStyle(one);
        return outlineStyle !== "none" || boxShadow !== "none";
      });
      const { width, height } = it.getBoundingClientRect();
      return { what: it.getAttribute("aria-label") ?? it.textContent ?? it.name, marked, shown: width > 0 && height > 0 };
    });
    if (place === null) break;
    assert.ok(place.marked && place.shown, `${hash}: ${JSON.stringify(place)}`);
    seen.add(place.what);
  }
  assert.ok(seen.size > 0, `${hash}: ${[...seen]}`);
}

step("a session ends with its key");
const { key: name } = await page.evaluate(async () => (await fetch("/console/session")).json());
const second = await open(browser);
const spare = (await api("POST", "/v1/keys", { name: "spare", role: "admin", accounts: "all" })).json;
await second.page.goto(`${url}/console/`);
await second.page.locator("input[name=key]").fill(spare.key);
await second.page.keyboard.press("Enter");
await second.page.locator("table.accounts").waitFor();
assert.notEqual(name.id, spare.id);
await api("DELETE", `/v1/keys/${spare.id}`);
await second.page.evaluate(() => (location.hash = "#/keys"));
await second.page.getByText("Your session is over").waitFor();

step("log out");
await page.getByRole("button", { name: "退出" }).click();
await page.locator("input[name=key]").waitFor();
assert.deepEqual(await context.cookies(), []);

await browser.close();
const elsewhere = requests.filter((it) => new URL(it).origin !== new URL(url).origin);
assert.deepEqual(elsewhere, [], "no request leaves the host");
assert.deepEqual(wrongs, []);
console.log(`fine: ${requests.length} requests, all of them to ${url}`);
