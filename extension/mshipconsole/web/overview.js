// All links and all sinks, one card each.
import { el, show } from "./dom.js";
import { card } from "./card.js";
import { linkCard } from "./linkcard.js";

export function overview() {
  const none = el("p", { class: "quiet", hidden: true, "data-testid": "no-sinks" },
    "No exporter shows itself here yet. Those of the type mship do, once they have started.");
  const links = cards("link", linkCard);
  const sinks = cards("sink", card);
  const node = el("div", {},
    el("h1", { class: "unseen" }, "Links and sinks"), links.node, none, sinks.node);

  function update(allSinks, allLinks) {
    show(none, allSinks.length === 0);
    show(links.node, allLinks.length > 0);
    links.update(allLinks);
    sinks.update(allSinks);
  }

  return { node, update, title: "Ship console", leave: () => { links.leave(); sinks.leave(); } };
}

// cards has one for each that there is, by the name that stands under key, in their order.
function cards(key, make) {
  const list = el("div", { class: "cards", "data-testid": `${key}s` });
  const shown = new Map();

  function update(all) {
    const names = new Set(all.map((s) => s[key]));
    for (const [name, old] of shown) {
      if (names.has(name)) continue;
      old.node.remove();
      old.leave();
      shown.delete(name);
    }
    all.forEach((status, i) => {
      const name = status[key];
      if (!shown.has(name)) {
        const made = make(name, all.length <= 3);
        shown.set(name, made);
        list.insertBefore(made.node, list.children[i] ?? null);
      }
      shown.get(name).update(status);
    });
  }

  return { node: list, update, leave: () => shown.forEach((c) => c.leave()) };
}
