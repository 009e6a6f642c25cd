// Asks for all sinks and links every two seconds, and says so when nobody answers.
import { get } from "./api.js";
import { say, show, announce } from "./dom.js";
import { clock, moment, span } from "./words.js";

const pace = 2000; // milliseconds

export const live = { sinks: null, links: [], listeners: new Set(), lastAnswer: null, silentSince: null };

let timer = 0;
let asking = false;

export function start() {
  document.addEventListener("visibilitychange", () => { if (!document.hidden) poll(); });
  setInterval(pulse, 1000);
  return poll();
}

// poll asks now; the next question follows by itself.
export async function poll() {
  if (asking) return;
  asking = true;
  clearTimeout(timer);
  try {
    const { sinks } = await get("api/v1/sinks");
    const { links } = await get("api/v1/links");
    heard(Array.isArray(sinks) ? sinks : [], Array.isArray(links) ? links : []);
  } catch (failure) {
    missed(failure);
  }
  asking = false;
  if (!document.hidden) timer = setTimeout(poll, pace);
}

function heard(sinks, links) {
  if (live.silentSince !== null) announce("The agent answers again.");
  live.sinks = sinks;
  live.links = links;
  live.lastAnswer = Date.now();
  live.silentSince = null;
  document.documentElement.classList.remove("stale");
  pulse();
  for (const listener of live.listeners) listener(sinks, links);
}

function missed(failure) {
  live.silentSince ??= live.lastAnswer ?? Date.now();
  document.documentElement.classList.add("stale");
  const since = moment(new Date(live.silentSince), true);
  say(document.getElementById("silence"), `${why(failure, since)}${live.sinks ? " What is shown below is from then." : ""}`);
  pulse();
}

function why(failure, since) {
  if (failure.status === 401) return "The agent shows nothing without a credential. Reload this page to give one.";
  if (failure.status) return `The agent refuses to answer since ${since}: ${failure.message}.`;
  return `No answer from the agent since ${since}. It may be stopped, or this device has lost the ship’s network.`;
}

function pulse() {
  const silent = live.silentSince !== null;
  show(document.getElementById("silence"), silent);
  const node = document.getElementById("pulse");
  node.classList.toggle("bad", silent);
  if (silent) say(node, `no answer for ${span((Date.now() - live.silentSince) / 1000)}`);
  else if (live.lastAnswer) say(node, "live");
  const skew = document.getElementById("skew");
  const off = Math.abs(clock.ahead) > 120_000;
  show(skew, off && !silent);
  if (off) say(skew, `The agent’s clock is ${span(Math.abs(clock.ahead) / 1000)} ${clock.ahead > 0 ? "ahead of" : "behind"} this device’s. Ages are told by the agent’s.`);
}
