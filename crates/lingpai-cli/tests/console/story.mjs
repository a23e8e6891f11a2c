// The main ways through the console, in a real browser. Ends with an error where one of them is not as it should be.

import { strict as assert } from "node:assert";
import { accessible, accounts, api, go, key, launch, logIn, open, requests, rotate, url, wrongs } from "./browser.mjs";

const EVIL = `<img src=x onerror="alert('xss')">"'><script>alert('xss')</script>`;
const [good, , failing] = accounts;
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
assert.equal(await page.locator("tr[data-account]").first().getAttribute("data-account"), failing);
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

step("what an upstream says is shown as text");
await page.locator(".why").getByText("onerror").first().waitFor();

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
  await page.getByRole("dialog").getByRole("alert").getByText("moments ago").waitFor();
  await page.waitForTimeout(500);
}
await page.getByRole("dialog").waitFor({ state: "detached" });
await page.locator(".facts dd").nth(1).getByText(String(number + 1), { exact: true }).waitFor();
const seen = await page.evaluate(async (account) => (await fetch(`/console/v1/accounts/${account}/token`)).status, other);
assert.equal(seen, 401, "no token for a cookie alone");

step("a secret that WeChat refuses is refused here in words");
await page.getByRole("button", { name: "Set secret" }).click();
await page.getByLabel("AppSecret").fill("0123456789abcdef0123456789abcdef");
await page.getByRole("dialog").getByRole("button", { name: "Try and set" }).click();
await page.getByRole("dialog").getByRole("alert").waitFor();
await page.keyboard.press("Escape");

step("make a key, see it once, use it, revoke it");
await go(page, "#/keys");
await page.getByRole("button", { name: "New key" }).click();
await page.getByLabel("Name", { exact: true }).fill(EVIL);
await accessible(page, "a new key");
await page.getByRole("dialog").getByRole("button", { name: "Make it" }).click();
const made = await page.locator("#new-key").innerText();
assert.match(made, /^lp_/);
await page.getByRole("dialog").getByRole("button", { name: "Close" }).click();
const use = () => fetch(`${url}/v1/accounts/${good}/token`, { headers: { Authorization: `Bearer ${made}` } });
assert.equal((await use()).status, 200);
const row = page.locator("tr[data-key]", { hasText: "onerror" });
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
const doctor = await api("POST", "/v1/doctor", { account: good });
if (doctor.status !== 404) {
  await page.getByLabel("Account", { exact: true }).fill(good);
  await page.getByRole("button", { name: "Run the check-up" }).click();
  await page.locator(".finding").first().waitFor();
  await page.getByText(/checks? passed|\d+ passed/).first().waitFor({ timeout: 30_000 });
}
const diagnosed = await api("POST", "/v1/diagnose", { errcode: 40001 });
if (diagnosed.status !== 404) {
  await page.getByLabel(/Paste an error/).fill(`{"errcode": 40164, "errmsg": "invalid ip ${EVIL}"}`);
  await page.getByRole("button", { name: "Diagnose" }).click();
  await page.locator(".diagnosis h3").waitFor();
  await accessible(page, "a diagnosis");
}

step("another language, and the light");
await go(page, "#/settings");
await page.getByRole("radio", { name: "中文" }).check();
await page.getByRole("heading", { name: "设置" }).waitFor();
assert.equal(await page.evaluate(() => document.documentElement.lang), "zh-CN");
await page.getByRole("radio", { name: "深色" }).check();
for (const [hash, heading] of [["#/settings", "设置"], ["#/", "账号"], [`#/accounts/${good}`, good], ["#/keys", "密钥"], ["#/events", "事件"], ["#/doctor", "诊断"]]) {
  await go(page, hash);
  await page.getByRole("heading", { name: heading, level: 1 }).waitFor();
  await accessible(page, `${hash} in Chinese, in the dark`);
}

step("on a phone nothing is wider than the screen, and keys alone are enough");
await page.setViewportSize({ width: 375, height: 740 });
for (const hash of ["#/", `#/accounts/${failing}`, "#/keys", "#/events", "#/doctor", "#/settings"]) {
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
