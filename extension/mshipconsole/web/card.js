// One sink: its link, its queue, its counters.
import { announce, el, say, show } from "./dom.js";
import { bytes, count, percent, plural, secondsSince, span, utc, visible } from "./words.js";
import { emptyWords, fullWords, lastAnswer, states, unknown, verdict } from "./verdict.js";
import { strip } from "./strip.js";
import { sinkPlots } from "./plots.js";

export function card(name, plotsOpen) {
  const shown = visible(name);
  const id = `sink-${encodeURIComponent(name)}`;
  const mark = el("span", { class: "mark", "aria-hidden": "true" });
  const word = el("span", { class: "word", "data-testid": "link" });
  const breaker = el("span", { class: "breaker", "data-testid": "breaker-state" });
  const kind = el("span", { class: "quiet" });
  const sentence = el("p", { class: "verdict", "data-testid": "verdict" });
  const held = el("p", { class: "banner warn", "data-testid": "held", hidden: true });
  const past = strip();
  const drawn = sinkPlots(name, plotsOpen);
  const fields = facts();
  const details = el("div", { class: "details" }, past.node, fields.node, drawn.node);
  const node = el("section", { class: "card", "aria-labelledby": id, "data-testid": "sink", "data-sink": name },
    el("header", {}, el("h2", { id }, shown), kind, el("p", { class: "state" }, mark, word, breaker)),
    sentence, held, details);
  let before = null;

  function update(status) {
    const state = status.error ? null : status.breaker?.state;
    const look = states[state] ?? unknown;
    node.dataset.state = state ?? "unknown";
    node.dataset.tone = look.tone;
    say(mark, look.mark);
    say(word, look.word);
    say(breaker, status.error ? "" : status.breaker?.enabled === false ? "no breaker" : `breaker ${state ?? "unknown"}`);
    say(kind, status.type ? `${visible(status.type)} · ${visible(status.exporter ?? "")}` : "");
    say(sentence, verdict(status));
    const signals = status.held ?? [];
    show(held, signals.length > 0);
    if (signals.length) say(held, `The far end refuses all ${signals.map(visible).join(" and ")}. They are held here and tried again; nothing is thrown away.`);
    show(details, !status.error);
    if (!status.error) {
      past.update(status.breaker);
      fields.update(status);
    }
    if (before !== null && before !== look.word) announce(`${shown}: ${look.word}.`);
    before = look.word;
  }

  return { node, update, leave: drawn.leave };
}

// facts are lists of what is measured, each value in a place that a test can find.
function facts() {
  const rows = {};
  const row = (key, label) => {
    rows[key] = el("dd", { "data-testid": key });
    return el("div", {}, el("dt", {}, label), rows[key]);
  };
  const bar = el("div", { class: "bar", role: "meter", "aria-label": "How full the queue’s room is", "aria-valuemin": "0", "aria-valuemax": "100", "data-testid": "fill" }, el("span", {}));
  const letters = el("a", { class: "button", "data-testid": "open-letters" }, "Open the dead letters");
  const node = el("div", { class: "facts" },
    el("section", {}, el("h3", {}, "Waiting"), bar, el("dl", {},
      row("queue-bytes", "Waiting"), row("queue-batches", "Batches"), row("queue-oldest", "Oldest has waited"),
      row("queue-empty", "Will be empty"), row("disk-full", "Disk full"), row("queue-share", "Of the queue’s limit"), row("disk-share", "Of its disk space"))),
    el("section", {}, el("h3", {}, "Far end"), el("dl", {},
      row("last-answer", "Last answer"), row("last-answer-age", "That was"),
      row("delivered", "Delivered"), row("retries", "Retries"), row("errors", "Errors"), row("timeouts", "Timeouts"),
      row("rejected", "Rejected records"), row("opened", "Breaker opened")),
    el("p", { class: "quiet" }, "Counted since the agent’s start.")),
    el("section", {}, el("h3", {}, "Dead letters"), el("dl", {},
      row("letters", "Parked"), row("letters-bytes", "On disk"), row("letters-oldest", "Oldest"), row("letters-full", "When full")),
    el("p", {}, letters)));
  return { node, update: (status) => { queue(rows, bar, status); farEnd(rows, status); parked(rows, letters, status); } };
}

function queue(rows, bar, status) {
  const q = status.queue ?? {};
  say(rows["queue-bytes"], `${bytes(q.bytes)}, ${plural(q.records ?? 0, "record")}`);
  say(rows["queue-batches"], count(q.batches));
  say(rows["queue-oldest"], q.oldest ? span(secondsSince(q.oldest)) : "–");
  say(rows["queue-empty"], emptyWords(status));
  say(rows["disk-full"], fullWords(status));
  const limit = q.limit > 0 ? q.load / q.limit : NaN;
  say(rows["queue-share"], q.limit > 0 ? `${percent(limit)} of ${q.limit_unit === "bytes" ? bytes(q.limit) : `${count(q.limit)} ${q.limit_unit}`}` : "no limit");
  const s = status.storage;
  const disk = s?.max_bytes > 0 ? s.used_bytes / s.max_bytes : NaN;
  say(rows["disk-share"], s?.max_bytes > 0 ? `${percent(disk)} of ${bytes(s.max_bytes)}` : "not known");
  const share = Math.min(1, Math.max(0, limit || 0, disk || 0));
  bar.setAttribute("aria-valuenow", Math.round(share * 100));
  bar.setAttribute("aria-valuetext", percent(share));
  bar.dataset.tone = share > 0.9 ? "bad" : share > 0.7 ? "warn" : "good";
  bar.firstChild.style.width = `${share > 0 ? Math.max(1, share * 100) : 0}%`;
}

function farEnd(rows, status) {
  const c = status.counters ?? {};
  const answer = status.last_answer;
  say(rows["last-answer"], lastAnswer(answer));
  rows["last-answer"].dataset.tone = answer && !answer.ok ? "bad" : "";
  say(rows["last-answer-age"], answer ? `${span(secondsSince(answer.at))} ago` : "–");
  rows["last-answer-age"].title = answer ? utc(answer.at) : "";
  say(rows.delivered, `${plural(c.delivered_records ?? 0, "record")}, ${bytes(c.delivered_bytes ?? 0)}`);
  say(rows.retries, count(c.retries ?? 0));
  say(rows.errors, count(c.errors ?? 0));
  say(rows.timeouts, count(c.timeouts ?? 0));
  say(rows.rejected, count(c.rejected_records ?? 0));
  say(rows.opened, `${count(c.circuit_opened ?? 0)} ${c.circuit_opened === 1 ? "time" : "times"}`);
}

function parked(rows, link, status) {
  const d = status.dead_letters;
  say(rows.letters, d ? plural(d.entries ?? 0, "entry", "entries") : "none are kept");
  say(rows["letters-bytes"], d ? bytes(d.bytes ?? 0) + (d.max_bytes > 0 ? ` of ${bytes(d.max_bytes)}` : "") : "–");
  say(rows["letters-oldest"], d?.oldest ? `${span(secondsSince(d.oldest))} ago` : "–");
  say(rows["letters-full"], d?.on_full === "drop_oldest" ? "the oldest is dropped" : "batches stay in the queue");
  link.setAttribute("href", `#/sink/${encodeURIComponent(status.sink)}/dead-letters`);
  link.setAttribute("aria-label", `Open the dead letters of ${visible(status.sink)}`);
}
