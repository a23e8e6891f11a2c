// A platform's own page: those who have authorised it, page by page, searched on the server, each leading to its own page; and a link
// for one more.

import { strict as assert } from "node:assert";
import { accessible, accounts, go, launch, logIn, open, requests, url, wrongs } from "./browser.mjs";

const { CONSOLE_PLATFORM: platform, CONSOLE_MANY: many } = process.env;
const browser = await launch();
const { page } = await open(browser);
const step = (name) => console.log(`- ${name}`);
await logIn(page);

step("they stand there in pages, and no more of them come than are shown");
const answers = [];
page.on("response", (response) => response.url().includes("/overview?") && answers.push(response));
await go(page, `#/accounts/${platform}`);
const crowd = page.locator(".crowd");
await crowd.getByRole("heading", { name: "Those who have authorised it" }).waitFor();
await crowd.locator("tr[data-account]").nth(49).waitFor();
assert.equal(await crowd.locator("tr[data-account]").count(), 50);
assert.equal((await answers[0].json()).accounts.length, 50);
await crowd.locator(".chip", { hasText: "All" }).getByText(many, { exact: true }).waitFor();
assert.equal(await crowd.locator(`[data-account="${platform}"]`).count(), 0, "it has not authorised itself");
await accessible(page, "a platform");
await crowd.getByRole("button", { name: "Next" }).click();
await crowd.getByText("Page 2 of 2").waitFor();
assert.equal(await crowd.locator("tr[data-account]").count(), Number(many) - 50);

step("one is found by its name, and leads to its page and back");
const one = accounts[7];
await crowd.getByRole("searchbox").fill(one);
await crowd.locator("tr[data-account]").nth(1).waitFor({ state: "detached" });
await crowd.locator(`tr[data-account="${one}"] .badge`).getByText("Good").waitFor();
await crowd.locator(`tr[data-account="${one}"] .life-text`).getByText("left").waitFor();
await crowd.locator(`tr[data-account="${one}"] a`).click();
await page.getByRole("heading", { name: one, level: 1 }).waitFor();
await page.locator(".lead").getByRole("link", { name: platform }).click();
await page.getByRole("heading", { name: platform, level: 1 }).waitFor();

step("a link for one more, with its QR code");
await page.getByRole("button", { name: "Authorisation link" }).click();
await accessible(page, "a link to be made");
await page.getByRole("dialog").getByRole("button", { name: "Make the link" }).click();
const link = await page.locator("#link").innerText();
assert.ok(link.startsWith(`${url}/authorize/`), link);
await page.getByRole("img", { name: "The link as a QR code" }).waitFor();
await accessible(page, "a link");
assert.equal((await fetch(link)).status, 200);
await page.setViewportSize({ width: 390, height: 740 });
const wide = () => page.evaluate(() => document.documentElement.scrollWidth - document.documentElement.clientWidth);
assert.ok((await wide()) <= 0, "the link is wider than a phone");
await page.keyboard.press("Escape");
assert.ok((await wide()) <= 0, "the page is wider than a phone");
await accessible(page, "a platform on a phone");

await browser.close();
assert.deepEqual(requests.filter((it) => new URL(it).origin !== new URL(url).origin), []);
assert.deepEqual(wrongs, []);
