// Markup in everything that somebody else can fill, put there by the ways that strangers have, and every page after it: nothing of it
// becomes an element, and no script runs.

import { createHash } from "node:crypto";
import { strict as assert } from "node:assert";
import { accounts, api, go, launch, logIn, open, requests, stored, url, wrongs } from "./browser.mjs";

const EVIL = process.env.CONSOLE_HOSTILE;
const WORSE = `"'>${EVIL}<script>alert(2)</script><svg onload=alert(3)>`;
const [good, , failing] = accounts;
const step = (name) => console.log(`- ${name}`);
const userAgent = { "User-Agent": `Mozilla/5.0 ${EVIL}` };

step("strangers come in by every way that they have");
const made = (await api("POST", "/v1/keys", { name: WORSE, role: "admin", accounts: "all" })).json;
const asked = (method, path, body) => fetch(`${url}${path}`, {
  method, headers: { Authorization: `Bearer ${made.key}`, ...userAgent }, body: body === undefined ? undefined : JSON.stringify(body),
});
// A forwarded call, by a path that there is and by one that there is not.
await asked("GET", `/gateway/${good}/cgi-bin/getcallbackip?more=${encodeURIComponent(EVIL)}`);
await asked("GET", `/gateway/${good}/cgi-bin/${encodeURIComponent(EVIL)}`);
// What the trail has of whoever does something.
assert.equal((await asked("PATCH", `/v1/accounts/${stored}`, { push: { token: "abc", mode: "plain", relay: { url: "http://127.0.0.1:9/" } } })).status, 200);
// The name of an account.
for (const method of ["GET", "DELETE"]) await asked(method, `/v1/accounts/${encodeURIComponent(EVIL)}`);
assert.notEqual((await api("POST", "/v1/accounts", { account: EVIL, secret: "0123456789abcdef" })).status, 201);
// A push, signed as WeChat signs, that the business does not take.
const [timestamp, nonce] = [String(Math.floor(Date.now() / 1000)), "n"];
const signature = createHash("sha1").update(["abc", timestamp, nonce].sort().join("")).digest("hex");
const pushed = await fetch(`${url}/push/${stored}?signature=${signature}&timestamp=${timestamp}&nonce=${nonce}`, {
  method: "POST", headers: userAgent,
  body: `<xml><ToUserName><![CDATA[${EVIL}]]></ToUserName><FromUserName><![CDATA[o1]]></FromUserName><CreateTime>${timestamp}</CreateTime><MsgType><![CDATA[text]]></MsgType><Content><![CDATA[${WORSE}]]></Content><MsgId>1</MsgId></xml>`,
});
assert.equal(pushed.status, 200, await pushed.text());
// The failure of an alert, in its receiver's words.
await api("POST", "/v1/alerts/ops/test", {});

const browser = await launch();
const { page } = await open(browser);
await logIn(page);

/** That the page shows this text, and made nothing of it. */
async function harmless(where, shows = "onerror") {
  if (shows) await page.getByText(shows).first().waitFor();
  const found = await page.evaluate(() => {
    const own = (element) => element.src?.startsWith(`${location.origin}/console/`);
    const strange = [...document.querySelectorAll("img, script, iframe, object, embed")].filter((it) => !own(it));
    const acting = [...document.querySelectorAll("*")].filter((it) => [...it.attributes].some(({ name }) => name.startsWith("on")));
    return [...strange, ...acting].map((it) => it.outerHTML);
  });
  assert.deepEqual(found, [], where);
}

step("every page shows it as text");
await harmless("the overview");
await go(page, `#/accounts/${failing}`);
await page.locator("svg.timeline").waitFor();
await harmless("an account that is refused");
// What stands between marks for code is text too.
await page.locator(".trouble code", { hasText: EVIL }).waitFor();
await go(page, `#/accounts/${good}`);
await page.locator("table.ledger").waitFor();
await page.locator("ul.rows").getByText("onerror").waitFor();
await harmless("an account with its clients and its ledger");
await go(page, `#/accounts/${encodeURIComponent(WORSE)}`);
await page.getByRole("alert").waitFor();
await harmless("an account that there is not", null);
await go(page, "#/events");
await page.locator(".event-text", { hasText: "onerror" }).first().waitFor();
await harmless("the events");
await go(page, "#/audit");
await page.locator(".of-who", { hasText: "onerror" }).first().waitFor();
await harmless("the audit trail");
await go(page, "#/alerts");
await page.locator(".trouble", { hasText: "onerror" }).waitFor();
await page.getByRole("button", { name: "Send a test" }).click();
await page.locator(".tried", { hasText: "onerror" }).waitFor();
await harmless("the alerts");
await go(page, "#/keys");
const row = page.locator("tr[data-key]", { hasText: "onerror" });
await row.getByRole("button").click();
await page.getByRole("dialog").getByRole("heading", { name: "onerror" }).waitFor();
await harmless("the keys");
await page.keyboard.press("Escape");
await go(page, `#/doctor?${encodeURIComponent(failing)}`);
await page.getByLabel(/Paste an error/).fill(`{"errcode": 40164, "errmsg": "invalid ip ${EVIL}"}`);
await page.getByRole("button", { name: "Diagnose" }).click();
await page.locator(".diagnosis h3").waitFor();
await page.getByRole("button", { name: "Run the check-up" }).click();
await page.locator(".finding", { hasText: "onerror" }).first().waitFor();
await harmless("the doctor");

step("a token is shown after a question, where the operator says so, and that is on record");
await go(page, `#/accounts/${good}`);
await page.getByRole("button", { name: "Show the token" }).click();
await page.getByRole("dialog").getByText("This is logged with your key and address").waitFor();
await page.getByRole("dialog").getByRole("button", { name: "Show it" }).click();
const token = await page.getByRole("dialog").locator(".secret code").innerText();
assert.equal(token, (await api("GET", `/v1/accounts/${good}/token`)).json.access_token);
await page.getByRole("dialog").getByRole("button", { name: "Close" }).click();
await page.locator("dialog").waitFor({ state: "detached" });
assert.ok(!(await page.content()).includes(token), "it does not stay");
await go(page, "#/audit");
await page.locator("tr[data-action=token-revealed]").getByText(good).waitFor();

await browser.close();
assert.deepEqual(requests.filter((it) => new URL(it).origin !== new URL(url).origin), [], "no request leaves the host");
assert.deepEqual(wrongs, []);
