// A real Chromium, driven: what the stories and the screenshots share. It watches every request that the pages make.

import { createRequire } from "node:module";
import { strict as assert } from "node:assert";

const modules = createRequire(`${process.env.CONSOLE_MODULES}/`);
const { chromium } = modules("playwright-core");
const AXE = modules.resolve("axe-core");

export const { CONSOLE_URL: url, CONSOLE_KEY: key } = process.env;
export const accounts = process.env.CONSOLE_ACCOUNTS.split(",");
/** An account that was set up over HTTP. */
export const stored = process.env.CONSOLE_STORED;

/** Everything that any page has asked for, and everything that went wrong in one. */
export const requests = [];
export const wrongs = [];

export async function launch() {
  const executablePath = process.env.CONSOLE_CHROMIUM ?? "/usr/bin/chromium";
  return chromium.launch({ executablePath, args: ["--no-sandbox", "--disable-dev-shm-usage", "--no-proxy-server"] });
}

/** A browser's window of its own: nobody is logged in there. */
export async function open(browser, options = {}) {
  const context = await browser.newContext({ locale: "en-GB", viewport: { width: 1280, height: 800 }, ...options });
  const page = await context.newPage();
  page.setDefaultTimeout(15_000);
  page.on("request", (request) => requests.push(request.url()));
  page.on("pageerror", (error) => wrongs.push(`error: ${error.message}`));
  page.on("dialog", (dialog) => {
    wrongs.push(`a script ran: ${dialog.message()}`);
    dialog.dismiss();
  });
  page.on("console", (message) => {
    // A refusal is the server's word, and shown.
    if (message.type() === "error" && !message.text().includes("Failed to load resource")) wrongs.push(message.text());
  });
  return { context, page };
}

export async function logIn(page) {
  await page.goto(`${url}/console/`);
  await page.locator("input[name=key]").fill(key);
  await page.locator("form.login button[type=submit]").click();
  await page.locator("table.accounts").waitFor();
}

export async function go(page, hash) {
  await page.evaluate((to) => (location.hash = to), hash);
}

/** What others do meanwhile: a call of the API with a key. */
export async function api(method, path, body, headers = {}) {
  const response = await fetch(`${url}${path}`, {
    method,
    headers: { Authorization: `Bearer ${key}`, ...headers },
    body: body === undefined ? undefined : JSON.stringify(body),
  });
  return { status: response.status, json: response.status === 204 ? null : await response.json() };
}

/** Has a token replaced, as soon as that harms nobody. */
export async function rotate(account) {
  for (let tries = 0; tries < 60; tries += 1) {
    const { status, json } = await api("POST", `/v1/accounts/${account}/token/rotate`, {});
    if (status === 200) return;
    assert.equal(json.error.code, "rotation-denied");
    await new Promise((resolve) => setTimeout(resolve, 250));
  }
  assert.fail(`${account} is never rotated`);
}

/** Whether axe finds nothing, in WCAG 2.2 AA and its best practices. */
export async function accessible(page, where) {
  // By the debugger's way, since the page's own policy lets no foreign script in.
  await page.evaluate(await source());
  const { violations } = await page.evaluate(() => globalThis.axe.run(document, { resultTypes: ["violations"] }));
  const told = violations.map((it) => `${it.id}: ${it.help}\n    ${it.nodes.map((node) => node.target.join(" ")).slice(0, 4).join("\n    ")}`);
  assert.deepEqual(told, [], `${where} is not accessible to everybody`);
}

let text = null;
async function source() {
  text ??= await (await import("node:fs/promises")).readFile(AXE, "utf8");
  return `${text}; undefined`;
}
