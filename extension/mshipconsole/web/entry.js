// One dead letter: why it lies here, and what is in it.
import { el, button, say } from "./dom.js";
import { get, sinkPath } from "./api.js";
import { bytes, count, time, visible } from "./words.js";
import { reasons } from "./reasons.js";
import { records } from "./otlp.js";
import { longText } from "./longtext.js";
import { exportLetters, purgeLetters, replayLetters } from "./actions.js";

const shownAtOnce = 50;

export function entry(sink, id) {
  const back = `#/sink/${encodeURIComponent(sink)}/dead-letters`;
  const result = el("p", { class: "result", role: "status", "data-testid": "result" });
  const content = el("div", {}, el("p", { class: "quiet" }, "Reading …"));
  const act = async (what) => {
    try {
      const words = await what(sink, { ids: [id], entries: 1 });
      if (words === null) return;
      result.dataset.tone = words.bad ? "bad" : "good";
      say(result, words.text);
      if (words.moved && !words.bad) content.replaceChildren(el("p", {}, "It is not among the dead letters any more. ", el("a", { href: back }, "Back to the others")));
    } catch (failure) {
      trouble(failure);
    }
  };
  const node = el("div", { "data-testid": "entry" },
    el("p", {}, el("a", { href: back }, "← Dead letters of ", el("bdi", {}, visible(sink)))),
    el("h1", {}, "Dead letter"),
    el("div", { class: "actions" },
      button("Replay", () => act(replayLetters), { class: "main", "data-testid": "replay" }),
      button("Export", () => act(exportLetters), { "data-testid": "export" }),
      button("Purge …", () => act(purgeLetters), { class: "danger", "data-testid": "purge" })),
    result, content);

  function trouble(failure) {
    result.dataset.tone = "bad";
    say(result, failure.message);
  }

  get(sinkPath(sink, "dead-letters", id)).then(
    (answer) => content.replaceChildren(why(answer.entry ?? {}), what(answer)),
    (failure) => { content.replaceChildren(); trouble(failure); });
  return { node, title: "Dead letter" };
}

function why(e) {
  const row = (label, value, testid) => value !== null && el("div", {}, el("dt", {}, label), el("dd", { "data-testid": testid }, value));
  return el("section", { class: "card" }, el("h2", {}, "Why it lies here"), el("dl", { class: "wide" },
    row("Reason", `${visible(e.reason)}: ${reasons[e.reason] ?? ""}`, "entry-reason"),
    row("Status", e.status ? String(e.status) : "none", "entry-status"),
    row("Message", longText(e.message || "none"), "entry-message"),
    row("Signal", visible(e.signal), "entry-signal"),
    row("Records", `${count(e.records)}, ${bytes(e.bytes)}`, "entry-records"),
    row("First seen", e.first_seen ? time(e.first_seen) : "–", "entry-first-seen"),
    row("Parked", e.parked_at ? time(e.parked_at) : "–", "entry-parked"),
    row("Attempts", `${count(e.attempts)}${e.replays ? `, replayed ${count(e.replays)} times before` : ""}`, "entry-attempts"),
    row("Batch id", visible(e.id), "entry-id")));
}

function what(answer) {
  const list = el("ol", { class: "records", "data-testid": "records" });
  const more = button("", () => fill(), { "data-testid": "more" });
  const all = records(answer.otlp ?? []);
  let next = 0;
  function fill() {
    list.append(...all.slice(next, next + shownAtOnce).map(record));
    next = Math.min(all.length, next + shownAtOnce);
    more.hidden = next >= all.length;
    say(more, `Show more (${count(all.length - next)} left)`);
  }
  fill();
  return el("section", { class: "card" }, el("h2", {}, "What is in it"),
    answer.truncated && el("p", { class: "banner note", "data-testid": "truncated" }, "It is too long to be shown in full: this is its beginning. An export has all of it."),
    all.length ? list : el("p", { class: "quiet" }, "It holds no records that this page can show. An export has its bytes."), more);
}

function record(r) {
  return el("li", { "data-testid": "record" },
    el("p", { class: "record-title" }, r.title && longText(r.title), r.time && [" ", time(r.time)]),
    r.fields.length > 0 && el("dl", { class: "wide" }, r.fields.map(([key, value]) => el("div", {}, el("dt", {}, visible(clip(key))), el("dd", {}, longText(value))))));
}

function clip(key) {
  return key.length > 200 ? `${key.slice(0, 200)}…` : key;
}
