// Which view is shown follows from the address, so that back, forward and bookmarks work.
import { live, start } from "./live.js";
import { el } from "./dom.js";
import { overview } from "./overview.js";
import { letters } from "./letters.js";
import { entry } from "./entry.js";

const main = document.getElementById("main");
let leave = () => {};

function route() {
  leave();
  leave = () => {};
  const [path, query = ""] = location.hash.replace(/^#/, "").split("?");
  const parts = path.split("/").filter(Boolean).map(decode);
  const view = pick(parts, new URLSearchParams(query));
  main.replaceChildren(view.node);
  document.title = view.title;
  leave = view.leave ?? leave;
  if (view.update) {
    live.listeners.add(view.update);
    const inner = leave;
    leave = () => { live.listeners.delete(view.update); inner(); };
    if (live.sinks) view.update(live.sinks, live.links);
  }
}

function pick(parts, query) {
  const [kind, sink, what, id] = parts;
  if (!kind) return overview();
  if (kind === "sink" && what === "dead-letters" && id) return entry(sink, id);
  if (kind === "sink" && what === "dead-letters") return letters(sink, query);
  return { node: el("p", {}, "There is nothing here. ", el("a", { href: "#/" }, "Back to the sinks")), title: "Ship console" };
}

function decode(part) {
  try {
    return decodeURIComponent(part);
  } catch {
    return part;
  }
}

document.querySelector(".skip").addEventListener("click", (event) => {
  event.preventDefault(); // the address is the view's
  main.focus();
});
window.addEventListener("hashchange", () => {
  route();
  main.focus();
  window.scrollTo(0, 0);
});
route();
start();
