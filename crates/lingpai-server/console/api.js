// What the server is asked: the native API by the session, and the stream of events.

import { language } from "./dom.js";

/** A refusal, in the server's words. */
export class Refused extends Error {
  constructor(status, error) {
    super(error?.message ?? "");
    Object.assign(this, { status, code: error?.code, remedy: error?.remedy, upstream: error?.upstream });
  }
}

let session = null;
const endings = new Set();

export const current = () => session;
/** Calls when the session has ended. */
export const onEnd = (listener) => endings.add(listener);

async function request(method, path, { body, csrf, headers, signal } = {}) {
  const response = await fetch(`/console${path}`, {
    method,
    signal,
    cache: "no-store",
    credentials: "same-origin",
    redirect: "error",
    headers: {
      "Accept-Language": language(),
      ...(csrf ? { "X-Lingpai-CSRF": csrf } : {}),
      ...(body === undefined ? {} : { "Content-Type": "application/json" }),
      ...headers,
    },
    body: body === undefined ? undefined : JSON.stringify(body),
  });
  if (response.ok) return response;
  const answer = await response.json().catch(() => null);
  const refused = new Refused(response.status, answer?.error);
  if (refused.code === "session-unknown" && session) {
    session = null;
    endings.forEach((listener) => listener());
  }
  throw refused;
}

/** The answer to a call of the native API. */
export async function call(method, path, body, options = {}) {
  const response = await request(method, `/v1${path}`, { body, csrf: session?.csrf, ...options });
  return response.status === 204 ? null : response.json();
}

export const get = (path, options) => call("GET", path, undefined, options);

/** Who is logged in, or null. */
export async function whoIs() {
  try {
    session = await (await request("GET", "/session")).json();
  } catch (error) {
    if (error.code !== "session-unknown") throw error;
    session = null;
  }
  return session;
}

export async function logIn(key) {
  session = await (await request("POST", "/session", { body: { key }, csrf: "login" })).json();
  return session;
}

export async function logOut() {
  const { csrf } = session;
  session = null;
  await request("DELETE", "/session", { csrf });
}

/** Every account, page by page; each page is handed over as it comes. */
export async function accounts(onPage) {
  const all = [];
  let damaged = [];
  let after = null;
  do {
    const page = await get(`/accounts?limit=1000${after ? `&after=${encodeURIComponent(after)}` : ""}`);
    all.push(...page.accounts);
    damaged = damaged.concat(page.damaged ?? []);
    after = page.next;
    onPage?.(all);
  } while (after);
  return { accounts: all, damaged };
}

/** Reads server-sent events of a response until it ends. */
async function readEvents(response, onMessage) {
  const reader = response.body.pipeThrough(new TextDecoderStream()).getReader();
  let rest = "";
  for (;;) {
    const { done, value } = await reader.read();
    if (done) return;
    const parts = (rest + value).split("\n\n");
    rest = parts.pop();
    for (const part of parts) {
      const message = { event: "message", data: "" };
      for (const line of part.split("\n")) {
        const colon = line.indexOf(":");
        if (colon > 0) message[line.slice(0, colon)] = line.slice(colon + 1).trimStart();
      }
      onMessage(message);
    }
  }
}

/** A call whose answer comes piece by piece. */
export async function stream(method, path, body, onMessage, signal) {
  const headers = { Accept: "text/event-stream" };
  const response = await request(method, `/v1${path}`, { body, csrf: session?.csrf, headers, signal });
  await readEvents(response, onMessage);
}

/** Events as they happen, for as long as somebody looks. `follow` says whether it is live. */
export class Events {
  #listeners = new Set();
  #states = new Set();
  #last = null;
  #abort = null;
  #pause = 1000;
  live = false;

  constructor() {
    document.addEventListener("visibilitychange", () => (document.hidden ? this.#abort?.abort() : this.#run()));
  }

  /** Calls with each event; returns how to stop that. */
  follow(listener, onState) {
    this.#listeners.add(listener);
    if (onState) this.#states.add(onState);
    this.#run();
    return () => {
      this.#listeners.delete(listener);
      this.#states.delete(onState);
    };
  }

  stop() {
    this.#listeners.clear();
    this.#states.clear();
    this.#abort?.abort();
    this.#last = null;
  }

  #became(live) {
    this.live = live;
    this.#states.forEach((listener) => listener(live));
  }

  async #run() {
    if (this.#abort || !session || document.hidden || this.#listeners.size === 0) return;
    const abort = (this.#abort = new AbortController());
    try {
      const headers = { Accept: "text/event-stream", ...(this.#last ? { "Last-Event-ID": this.#last } : {}) };
      const options = { csrf: session.csrf, headers, signal: abort.signal };
      const response = await request("GET", `/v1/events?language=${language()}`, options);
      this.#became(true);
      this.#pause = 1000;
      await readEvents(response, ({ event, id, data }) => {
        if (id) this.#last = id;
        if (event === "message" || !data) return;
        const told = event === "gap" ? { event } : JSON.parse(data);
        this.#listeners.forEach((listener) => listener(told));
      });
    } catch {
      // It is tried again below.
    }
    this.#became(false);
    this.#abort = null;
    if (session && !document.hidden) {
      setTimeout(() => this.#run(), this.#pause);
      this.#pause = Math.min(this.#pause * 2, 30000);
    }
  }
}

export const events = new Events();
