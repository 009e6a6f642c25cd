// What is going on, in one sentence that is understood at three in the morning.
import { about, bytes, moment, plural, secondsSince, span, visible } from "./words.js";

export const states = {
  closed: { word: "Link up", mark: "●", tone: "good" },
  open: { word: "Link down", mark: "■", tone: "bad" },
  "half-open": { word: "Trying the link", mark: "▲", tone: "warn" },
};

export const unknown = { word: "No answer", mark: "?", tone: "bad" };

export function verdict(status) {
  if (status.error) return `${capital(visible(status.error))}.`;
  const queue = status.queue ?? {};
  const waiting = queue.records > 0 ? `${plural(queue.records, "record")} (${bytes(queue.bytes)})` : "";
  switch (status.breaker?.state) {
    case "open": {
      const left = Math.round(status.breaker.open_seconds_left ?? 0);
      const next = left > 0 ? ` It is tried again in ${span(left)}.` : " It is about to be tried again.";
      return `Nothing gets through${sinceWords(status.breaker.since)}.${next} ${waiting ? `${waiting} wait here, safe in the queue.` : "Nothing is waiting."}`;
    }
    case "half-open":
      return `A few requests try whether the link is back. ${waiting ? `${waiting} wait here, safe in the queue.` : ""}`;
    default:
      return flowing(status, waiting);
  }
}

function flowing(status, waiting) {
  if (!waiting) return "All that came in has been delivered.";
  const forecast = status.forecast ?? {};
  if (forecast.empty_at) return `${waiting} are on their way; all of it is ashore in ${about(-secondsSince(forecast.empty_at))}.`;
  if (status.last_answer && !status.last_answer.ok) return `${waiting} wait here, safe in the queue. The last attempt failed.`;
  return `${waiting} are on their way.`;
}

function sinceWords(at) {
  if (!at) return "";
  return ` since ${moment(at)}, for ${span(secondsSince(at))}`;
}

export function lastAnswer(answer) {
  if (!answer) return "nothing has been sent yet";
  const words = answer.text || (answer.ok ? "taken" : "failed");
  return visible(words);
}

export function emptyWords(status) {
  const queue = status.queue ?? {};
  if (!(queue.batches > 0) && !(queue.bytes > 0)) return "it is empty";
  const at = status.forecast?.empty_at;
  if (at) return `in ${about(-secondsSince(at))}, at ${moment(at)}`;
  if (status.breaker?.state === "open") return "not before the link is back";
  if (status.forecast?.drain_bytes_per_second < 0) return "not at this rate: more comes in than goes out";
  return "not known yet: it is being measured";
}

export function fullWords(status) {
  const at = status.forecast?.disk_full_at;
  if (at) return `in ${about(-secondsSince(at))}, ${moment(at)}`;
  if (status.forecast?.drain_bytes_per_second < 0) return "not within years at this rate";
  return "the queue does not grow";
}

function capital(text) {
  return text.charAt(0).toUpperCase() + text.slice(1);
}
