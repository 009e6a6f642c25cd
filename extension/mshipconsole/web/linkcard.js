// One uplink: how much goes over it, what it has cost, what is left.
import { announce, el, say, show } from "./dom.js";
import { about, bytes, moment, percent, rate, secondsSince, visible } from "./words.js";
import { linkPlots } from "./plots.js";
import { costTable } from "./costs.js";

const looks = {
  open: { word: "Open", mark: "●", tone: "good" },
  slow: { word: "Slow", mark: "▲", tone: "warn" },
  closed: { word: "Window closed", mark: "▲", tone: "warn" },
  exhausted: { word: "Allowance used up", mark: "■", tone: "bad" },
};

const flowing = { word: "Flowing", mark: "●", tone: "good" };
const unknown = { word: "No answer", mark: "?", tone: "bad" };

export function linkCard(name) {
  const shown = visible(name).replace(/^mship_link\//, "");
  const id = `link-${encodeURIComponent(name)}`;
  const mark = el("span", { class: "mark", "aria-hidden": "true" });
  const word = el("span", { class: "word", "data-testid": "link-state" });
  const sentence = el("p", { class: "verdict", "data-testid": "link-verdict" });
  const fields = facts();
  const drawn = linkPlots(name, false);
  const details = el("div", { class: "details" }, fields.node, drawn.node);
  const node = el("section", { class: "card", "aria-labelledby": id, "data-testid": "uplink", "data-link": name },
    el("header", {}, el("h2", { id }, "Uplink ", el("bdi", {}, shown)), el("span", { class: "quiet" }, visible(name)), el("p", { class: "state" }, mark, word)),
    sentence, details);
  let before = null;

  function update(link) {
    const look = lookOf(link);
    node.dataset.state = link.error ? "unknown" : link.state;
    node.dataset.tone = look.tone;
    say(mark, look.mark);
    say(word, look.word);
    say(sentence, verdict(link));
    show(details, !link.error);
    if (!link.error) fields.update(link);
    if (before !== null && before !== look && !calm(before, look)) announce(`Uplink ${shown}: ${look.word}.`);
    before = look;
  }

  return { node, update, leave: drawn.leave };
}

function lookOf(link) {
  if (link.error) return unknown;
  if (link.state === "open" && link.rate_bytes_per_second > 0) return flowing;
  return looks[link.state] ?? unknown;
}

// calm: whether something flows at this moment is no news.
function calm(before, now) {
  return before.tone === "good" && now.tone === "good";
}

function verdict(link) {
  if (link.error) return `${visible(link.error)}.`.replace(/^./, (c) => c.toUpperCase());
  const next = link.allowance ? until(link.allowance.next) : "";
  switch (link.state) {
    case "exhausted":
      return `The allowance is used up until ${next}. Nothing is sent before; what comes in waits in the queue.`;
    case "slow":
      return `The allowance is used up until ${next}. Until then it goes on slowly, at ${rate(link.granted_bytes_per_second)}; that goes over the plan.`;
    case "closed":
      return `The window is closed until ${until(link.window?.until)}. Only what is urgent is sent${link.allowance?.exhausted ? ", and slowly: the allowance is used up" : ""}.`;
    default:
      return link.rate_bytes_per_second > 0
        ? `${rate(link.rate_bytes_per_second)} of ${rate(link.bytes_per_second)} are in use.`
        : "It is free; nothing is being sent.";
  }
}

function until(at) {
  return `${moment(at)}, in ${about(-secondsSince(at))}`;
}

function facts() {
  const rows = {};
  const row = (key, label) => {
    rows[key] = el("dd", { "data-testid": key });
    return el("div", {}, el("dt", {}, label), rows[key]);
  };
  const speed = meter("How much of the cap is in use", "link-speed");
  const used = meter("How much of the allowance is used", "link-used");
  const left = el("div", {}, used.node, el("dl", {}, row("allowance-left", "Left"), row("allowance-used", "Used"), row("allowance-next", "Begins anew")));
  const none = el("p", { class: "quiet" }, "No allowance is set for this link.");
  const table = costTable();
  const node = el("div", { class: "facts two" },
    el("section", {}, el("h3", {}, "Rate"), speed.node, el("dl", {},
      row("link-rate", "Now"), row("link-cap", "Cap"), row("link-granted", "Granted now"), row("link-window", "Window"))),
    el("section", {}, el("h3", {}, "Allowance"), left, none),
    el("section", { class: "whole" }, el("h3", {}, "Cost"), table.node));

  function update(link) {
    const share = link.rate_bytes_per_second / link.bytes_per_second;
    speed.update(share, "good");
    say(rows["link-rate"], `${rate(link.rate_bytes_per_second)}, ${percent(share)} of the cap`);
    say(rows["link-cap"], rate(link.bytes_per_second));
    say(rows["link-granted"], link.granted_bytes_per_second > 0 ? rate(link.granted_bytes_per_second) : "nothing");
    say(rows["link-window"], windowWords(link.window));
    const plan = link.allowance;
    show(left, Boolean(plan));
    show(none, !plan);
    if (plan) allowance(rows, used, plan);
    table.update(link.costs);
  }

  return { node, update };
}

function windowWords(window) {
  if (!window) return "always open";
  return `${window.open ? "open" : "closed"} until ${moment(window.until)}`;
}

function allowance(rows, used, plan) {
  const spent = plan.bytes - plan.left_bytes;
  const share = spent / plan.bytes;
  used.update(share, share >= 1 ? "bad" : share > 0.9 ? "warn" : "good");
  say(rows["allowance-left"], `${bytes(plan.left_bytes)} of ${bytes(plan.bytes)}`);
  say(rows["allowance-used"], `${bytes(spent)}, ${percent(share)}, since ${moment(plan.start)}`);
  say(rows["allowance-next"], until(plan.next));
}

function meter(label, key) {
  const node = el("div", { class: "bar", role: "meter", "aria-label": label, "aria-valuemin": "0", "aria-valuemax": "100", "data-testid": key }, el("span", {}));
  return {
    node,
    update(share, tone) {
      const inside = Math.min(1, Math.max(0, share || 0));
      node.setAttribute("aria-valuenow", Math.round(inside * 100));
      node.setAttribute("aria-valuetext", percent(inside));
      node.dataset.tone = tone;
      node.firstChild.style.width = `${inside > 0 ? Math.max(1, inside * 100) : 0}%`;
    },
  };
}
