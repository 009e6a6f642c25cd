// What of the dead letters is shown. The choice stands in the address.
import { el } from "./dom.js";
import { reasons } from "./reasons.js";
import { search } from "./api.js";

export function filters(query, onchange) {
  const signal = choice("signal", "Signal", { logs: "logs", metrics: "metrics", traces: "traces" });
  const reason = choice("reason", "Reason", Object.fromEntries(Object.entries(reasons).map(([key, words]) => [key, `${key}: ${words}`])));
  const from = moment("from", "First seen from");
  const to = moment("to", "First seen until");
  const all = [signal, reason, from, to];
  for (const f of all) f.set(query.get(f.name) ?? "");
  const form = el("form", { class: "filters", "aria-label": "Filter the dead letters", onsubmit: (event) => event.preventDefault(), onchange: changed },
    all.map((f) => f.node),
    el("button", { type: "reset", "data-testid": "reset" }, "Show all"));
  form.addEventListener("reset", () => { for (const f of all) f.set(""); changed(); });

  // On a phone the list is what one came for.
  const open = matchMedia("(min-width: 46rem)").matches || all.some((f) => f.get() !== "");
  const node = el("details", { open, "data-testid": "filters" }, el("summary", {}, "Filter"), form);

  function value() {
    return Object.fromEntries(all.map((f) => [f.name, f.get()]));
  }

  function changed() {
    const [path] = location.hash.split("?");
    history.replaceState(null, "", path + search(value()));
    onchange();
  }

  return { node, value };
}

function choice(name, label, options) {
  const input = el("select", { id: `filter-${name}`, "data-testid": `filter-${name}` },
    el("option", { value: "" }, "any"), Object.entries(options).map(([value, words]) => el("option", { value }, words)));
  return { name, node: labelled(label, input), get: () => input.value, set: (value) => { input.value = value; } };
}

// moment is in this device's time; the agent is asked in UTC.
function moment(name, label) {
  const input = el("input", { id: `filter-${name}`, type: "datetime-local", "data-testid": `filter-${name}` });
  return {
    name,
    node: labelled(label, input),
    get: () => (input.value ? new Date(input.value).toISOString() : ""),
    set: (value) => { input.value = value && !Number.isNaN(Date.parse(value)) ? local(new Date(value)) : ""; },
  };
}

function local(date) {
  return new Date(date.getTime() - date.getTimezoneOffset() * 60_000).toISOString().slice(0, 16);
}

function labelled(label, input) {
  return el("div", {}, el("label", { for: input.id }, label), input);
}
