// The breaker's last 24 hours as a strip. Height says the same as colour.
import { svg, el, say } from "./dom.js";
import { clock, moment, plural, span } from "./words.js";

const day = 86_400_000;
const width = 1440; // one unit a minute
const heights = { closed: 8, "half-open": 16, open: 24 };

export function strip() {
  const drawing = svg("svg", { viewBox: `0 0 ${width} 24`, preserveAspectRatio: "none", role: "img", class: "strip", "data-testid": "strip" });
  const from = el("span", {}, "24 h ago");
  const summary = el("span", { class: "summary", "data-testid": "strip-summary" });
  const node = el("div", { class: "history" }, drawing, el("p", { class: "axis" }, from, summary, el("span", {}, "now")));
  let drawn = "";

  function update(breaker) {
    const changes = (breaker?.changes ?? []).filter((c) => heights[c.state] && !Number.isNaN(Date.parse(c.at)));
    const now = clock.now();
    const key = JSON.stringify([changes.length, changes.at(-1), Math.floor(now / 30_000)]);
    if (key === drawn) return;
    drawn = key;
    const parts = pieces(changes, now);
    drawing.replaceChildren(...parts.map(({ state, begin, end }) => svg("rect", {
      class: state, x: x(begin, now), width: Math.max(1.5, x(end, now) - x(begin, now)), y: 24 - heights[state], height: heights[state],
    }, svg("title", {}, `${state} from ${moment(begin)} to ${end === now ? "now" : moment(end)}`))));
    const words = sum(parts);
    say(summary, words);
    drawing.setAttribute("aria-label", `The circuit breaker in the last 24 hours: ${words}`);
  }

  return { node, update };
}

function x(at, now) {
  return ((at - (now - day)) / day) * width;
}

function pieces(changes, now) {
  return changes.map((change, i) => ({
    state: change.state,
    begin: Math.max(Date.parse(change.at), now - day),
    end: i + 1 < changes.length ? Date.parse(changes[i + 1].at) : now,
  })).filter((p) => p.end > now - day && p.end >= p.begin);
}

// An outage goes on while the breaker tries in vain.
function sum(parts) {
  let down = 0;
  let outages = 0;
  parts.forEach((p, i) => {
    if (p.state === "closed") return;
    down += p.end - p.begin;
    if (i === 0 || parts[i - 1].state === "closed") outages++;
  });
  if (parts.length === 0) return "nothing is known yet";
  if (outages === 0) return "no outage";
  return `${plural(outages, "outage")}, ${span(down / 1000)} in all`;
}
