// Numbers and times in words that can be read at arm's length.
import { el } from "./dom.js";

const numbers = new Intl.NumberFormat("en");

export function count(n) {
  return Number.isFinite(n) ? numbers.format(n) : "–";
}

export function plural(n, one, many = one + "s") {
  return `${count(n)} ${n === 1 ? one : many}`;
}

export function bytes(n) {
  if (!Number.isFinite(n)) return "–";
  const units = ["B", "KiB", "MiB", "GiB", "TiB", "PiB"];
  let unit = 0;
  while (Math.abs(n) >= 1024 && unit < units.length - 1) {
    n /= 1024;
    unit++;
  }
  const digits = unit === 0 || Math.abs(n) >= 100 ? 0 : 1;
  return `${n.toFixed(digits)} ${units[unit]}`;
}

export function rate(bytesPerSecond) {
  return `${bytes(bytesPerSecond)}/s`;
}

export function percent(share) {
  if (!Number.isFinite(share)) return "–";
  if (share > 0 && share < 0.01) return "under 1 %";
  return `${Math.round(share * 100)} %`;
}

// span of seconds with at most two units.
export function span(seconds) {
  const s = Math.max(0, Math.round(seconds));
  const parts = [
    [86400, "day"], [3600, "hour"], [60, "minute"], [1, "second"],
  ];
  for (let i = 0; i < parts.length; i++) {
    const [size, name] = parts[i];
    if (s < size && size > 1) continue;
    const whole = Math.floor(s / size);
    const next = parts[i + 1];
    const rest = next ? Math.floor((s % size) / next[0]) : 0;
    const fine = next && rest > 0 && whole < 10 && size > 60;
    return plural(whole, name) + (fine ? " " + plural(rest, next[1]) : "");
  }
  return "0 seconds";
}

// about is for what is only foreseen.
export function about(seconds) {
  if (seconds < 10) return "a few seconds";
  if (seconds < 90) return `about ${Math.round(seconds / 5) * 5} seconds`;
  if (seconds < 5400) return `about ${plural(Math.round(seconds / 60), "minute")}`;
  if (seconds < 48 * 3600) return `about ${plural(Math.round(seconds / 3600), "hour")}`;
  return `about ${plural(Math.round(seconds / 86400), "day")}`;
}

// clock is the agent's: its times are told against it, not against this device's.
export const clock = {
  ahead: 0, // of this device, in milliseconds
  now() {
    return Date.now() + this.ahead;
  },
};

export function secondsSince(at) {
  return (clock.now() - Date.parse(at)) / 1000;
}

export function moment(at, seconds = false) {
  const date = new Date(at);
  if (Number.isNaN(date.getTime())) return "–";
  const time = date.toLocaleTimeString("en-GB", { hour: "2-digit", minute: "2-digit", second: seconds ? "2-digit" : undefined });
  const today = new Date(clock.now()).toDateString() === date.toDateString();
  if (today) return time;
  const year = date.getFullYear() === new Date(clock.now()).getFullYear() ? undefined : "numeric";
  return `${date.toLocaleDateString("en-GB", { weekday: "short", day: "numeric", month: "short", year })} ${time}`;
}

export function utc(at) {
  const date = new Date(at);
  return Number.isNaN(date.getTime()) ? "" : date.toISOString().replace("T", " ").replace(/(\.000)?Z$/, " UTC");
}

// time is an element that is this device's time, with UTC for who points at it.
export function time(at, seconds = true) {
  return el("time", { datetime: at, title: utc(at) }, moment(at, seconds));
}

// visible shows what would otherwise be unseen or turn the text around.
export function visible(text) {
  return String(text).toWellFormed?.().replace(strange, name) ?? String(text).replace(strange, name);
}

const strange = /[\u0000-\u0008\u000b-\u001f\u007f-\u009f\u00ad\u061c\u180e\u200b-\u200f\u2028-\u202e\u2060-\u206f\ufeff\ufff9-\ufffb]/g;

function name(character) {
  const code = character.codePointAt(0);
  return `⟨U+${code.toString(16).toUpperCase().padStart(4, "0")}⟩`;
}
