// All sinks, one card each.
import { el, show } from "./dom.js";
import { card } from "./card.js";

export function overview() {
  const none = el("p", { class: "quiet", hidden: true, "data-testid": "no-sinks" },
    "No exporter shows itself here yet. Those of the type mship do, once they have started.");
  const list = el("div", { class: "cards", "data-testid": "sinks" });
  const node = el("div", {}, el("h1", { class: "unseen" }, "Sinks"), none, list);
  const cards = new Map();

  function update(sinks) {
    show(none, sinks.length === 0);
    const names = new Set(sinks.map((s) => s.sink));
    for (const [name, old] of cards) {
      if (names.has(name)) continue;
      old.node.remove();
      old.leave();
      cards.delete(name);
    }
    sinks.forEach((status, i) => {
      if (!cards.has(status.sink)) {
        const made = card(status.sink, sinks.length <= 3);
        cards.set(status.sink, made);
        list.insertBefore(made.node, list.children[i] ?? null);
      }
      cards.get(status.sink).update(status);
    });
  }

  return { node, update, title: "Ship console", leave: () => cards.forEach((c) => c.leave()) };
}
