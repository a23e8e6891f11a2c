// The last day of a credential as a picture: each token as a bar from its rotation to its end, with the overlap in which the one
// before it was accepted still, and a mark for everything that went wrong.

import { clock, exactly, h, number, plain, s, say, sayIfKnown } from "./dom.js";

const WIDTH = 960;
const LEFT = 8;
const RIGHT = WIDTH - 8;
const LANE = 56;
const HEIGHT = 118;
const HOUR = 3_600_000;
/** Hours between the lines that tell the time. */
const STEPS = [1 / 60, 1 / 12, 0.25, 0.5, 1, 2, 3, 4];

const BAD = new Set(["failed", "rogue-refresher", "suspect", "budget-spent", "calls-refused", "client-misuse", "ip-refused", "compromised"]);

export const eventName = (event) => sayIfKnown(`event-${event.event}`) ?? event.event;

/** The picture of these events, newest first, of a credential that stands like this. */
export function timeline(events, credential) {
  const now = Date.now();
  const dated = events.map((event) => ({ ...event, time: Date.parse(event.at) })).filter(({ time }) => time <= now + 5000);
  const oldest = dated.length > 0 ? dated[dated.length - 1].time : now - HOUR;
  const hours = Math.min(24, Math.max(1 / 20, ((now - oldest) * 1.03) / HOUR));
  const ahead = credential?.ends ? Math.min(Math.max(0, credential.ends - now), hours * HOUR * 0.5) : 0;
  const begin = now - hours * HOUR;
  const end = now + Math.max(ahead, hours * HOUR * 0.04);
  const x = (time) => LEFT + ((Math.min(Math.max(time, begin), end) - begin) / (end - begin)) * (RIGHT - LEFT);

  const rotations = dated
    .filter(({ event, kind }) => event === "rotated" && (!kind || kind === "access_token"))
    .sort((a, b) => a.time - b.time);
  const tokens = rotations.map((it, place) => {
    const next = rotations[place + 1];
    const ends = it.expires_at ? Date.parse(it.expires_at) : (next?.time ?? now);
    return { ...it, until: next ? Math.min(next.time, ends) : ends, ends };
  });
  const marks = dated.filter(({ event, time }) => BAD.has(event) && time >= begin);

  const bars = tokens.filter(({ until }) => until >= begin).map((it, place, all) => {
    const from = x(it.time);
    const to = x(it.until);
    const isCurrent = place === all.length - 1 && it.until > now;
    // Beside the line that stands for now, and not under it.
    const label = isCurrent && x(now) - from < 34 ? Math.max(from, x(now)) : from;
    const what = say("token-from-to", { generation: it.generation ?? "?", from: exactly(it.time), to: exactly(it.until) });
    return s(
      "g",
      { class: isCurrent ? "bar is-current" : "bar" },
      s("title", {}, what),
      s("rect", { x: from, y: LANE - 14, width: Math.max(1.5, to - from - 1.5), height: 28, rx: 4 }),
      to - label > 34 ? s("text", { x: label + 8, y: LANE + 5 }, `#${it.generation ?? ""}`) : null,
    );
  });
  const previous = credential?.previous_until ? Date.parse(credential.previous_until) : 0;
  const last = tokens[tokens.length - 1];
  const overlap = last && previous > now
    ? s("g", { class: "overlap" }, s("title", {}, say("overlap-until", { time: clock(previous) })),
        s("rect", { x: x(last.time), y: LANE - 24, width: Math.max(3, x(previous) - x(last.time)), height: 6, rx: 3 }))
    : null;
  const crosses = marks.slice(0, 200).map((it) => {
    const at = x(it.time);
    return s(
      "g",
      { class: "mark" },
      s("title", {}, `${clock(it.time)} ${eventName(it)}${it.failure ? `: ${plain(it.failure.message)}` : ""}`),
      s("path", { d: `M${at - 4.5} ${LANE + 22}l9 9m0-9l-9 9` }),
    );
  });
  const step = STEPS.find((it) => hours / it <= 9) ?? 4;
  const ticks = [];
  for (let time = Math.ceil(begin / (step * HOUR)) * step * HOUR; time < end; time += step * HOUR) {
    if (Math.abs(x(time) - x(now)) < 46) continue;
    const label = clock(time).slice(0, 5);
    ticks.push(s("g", { class: "tick" }, s("line", { x1: x(time), x2: x(time), y1: 18, y2: HEIGHT - 22 }),
      s("text", { x: x(time), y: HEIGHT - 6, "text-anchor": "middle" }, label)));
  }
  const nowLine = s("g", { class: "now" }, s("line", { x1: x(now), x2: x(now), y1: 10, y2: HEIGHT - 22 }),
    s("text", { x: x(now), y: HEIGHT - 6, "text-anchor": "middle" }, say("now")));
  const told = say("timeline-told", { tokens: number(tokens.length), marks: number(marks.length), hours: number(Math.ceil(hours)) });
  const picture = s(
    "svg",
    { viewBox: `0 0 ${WIDTH} ${HEIGHT}`, class: "timeline", role: "img", "aria-label": told },
    ticks,
    overlap,
    bars,
    crosses,
    nowLine,
  );
  const scroll = h("div", { class: "scroll-x", tabindex: "0", role: "group", "aria-label": say("timeline") }, picture);
  // Where it is wider than the screen, what is new is looked at first.
  requestAnimationFrame(() => (scroll.scrollLeft = scroll.scrollWidth));
  return h(
    "figure",
    { class: "picture" },
    scroll,
    h(
      "figcaption",
      { class: "legend" },
      h("span", { class: "key-token" }, say("legend-token")),
      h("span", { class: "key-overlap" }, say("legend-overlap")),
      h("span", { class: "key-mark" }, say("legend-mark")),
    ),
  );
}
