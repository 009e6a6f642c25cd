// All talk with the agent.
import { clock } from "./words.js";
import { askCredential } from "./credential.js";

const patience = 10_000; // milliseconds

// Failure is an answer that is none, in words.
export class Failure extends Error {
  constructor(message, status = 0, body = null) {
    super(message);
    this.status = status;
    this.body = body;
  }
}

export function sinkPath(sink, ...parts) {
  return ["api/v1/sinks", ...[sink, ...parts].map(encodeURIComponent)].join("/");
}

export function linkPath(link, ...parts) {
  return ["api/v1/links", ...[link, ...parts].map(encodeURIComponent)].join("/");
}

export function get(path, query = {}) {
  return json(path + search(query), {});
}

export function post(path, body) {
  return json(path, { method: "POST", headers: { "Content-Type": "application/json" }, body: JSON.stringify(body) }, 120_000);
}

export function search(query) {
  const given = Object.entries(query).filter(([, value]) => value !== "" && value !== null && value !== undefined);
  return given.length ? "?" + new URLSearchParams(given) : "";
}

// text reads a whole export; where no credential is needed, a plain link does better.
export async function text(path) {
  const answer = await request(path, {}, 600_000);
  return answer.text();
}

async function json(path, options, wait = patience) {
  const answer = await request(path, options, wait);
  try {
    return await answer.json();
  } catch {
    throw new Failure("The agent’s answer was cut off or is not what this page understands. Try again.");
  }
}

export const credential = {
  get() {
    return sessionStorage.getItem("credential");
  },
  set(value) {
    if (value) sessionStorage.setItem("credential", value);
    else sessionStorage.removeItem("credential");
  },
};

async function request(path, options, wait) {
  const headers = { ...options.headers };
  if (credential.get()) headers.Authorization = credential.get();
  let answer;
  try {
    answer = await fetch(path, { ...options, headers, signal: AbortSignal.timeout(wait), cache: "no-store" });
  } catch (error) {
    throw new Failure(error.name === "TimeoutError" ? "The agent did not answer in time." : "No answer from the agent.");
  }
  const date = Date.parse(answer.headers.get("Date"));
  // The header has whole seconds: a difference of less than two says nothing.
  if (!Number.isNaN(date)) clock.ahead = Math.abs(date - Date.now()) < 2000 ? 0 : date - Date.now();
  if (answer.ok) return answer;
  if (answer.status === 401 && (await askCredential(credential))) return request(path, options, wait);
  throw await failure(answer);
}

async function failure(answer) {
  let body = null;
  try {
    body = await answer.json();
  } catch {
    // what is in front of the agent may answer as it likes
  }
  const words = body?.error ? String(body.error) : `The agent answered ${answer.status} ${answer.statusText}.`;
  return new Failure(words, answer.status, body);
}
