// The table of dead letters. On a phone a row becomes a card; the roles keep it a table for a screen reader.
import { el } from "./dom.js";
import { bytes, count, time, visible } from "./words.js";

const columns = ["Parked", "Signal", "Reason", "Far end said", "Records", "Size", "Attempts"];

export function table(base, onchange) {
  const chosen = new Map(); // over all pages
  let entries = [];
  const all = el("input", { type: "checkbox", "aria-label": "Select all on this page", "data-testid": "select-all", onchange: () => {
    for (const box of body.querySelectorAll("input")) {
      box.checked = all.checked;
      choose(entries[Number(box.dataset.row)], all.checked);
    }
    onchange();
  } });
  const body = el("tbody", { role: "rowgroup" });
  const node = el("table", { class: "letters", role: "table", "aria-label": "Dead letters, newest first", "data-testid": "letters-table" },
    el("thead", { role: "rowgroup" }, el("tr", { role: "row" },
      el("th", { scope: "col", role: "columnheader" }, el("label", { class: "box" }, all, el("span", { class: "narrow" }, "Select all on this page"))),
      columns.map((name) => el("th", { scope: "col", role: "columnheader" }, name)),
      el("th", { scope: "col", role: "columnheader" }, el("span", { class: "unseen" }, "Look")))),
    body);

  function choose(entry, on) {
    if (on) chosen.set(entry.name, entry);
    else chosen.delete(entry.name);
  }

  function row(entry, i) {
    const what = `${entry.signal}, ${entry.reason}, ${bytes(entry.bytes)}`;
    const box = el("input", { type: "checkbox", "data-row": i, "aria-label": `Select ${visible(what)}`, "data-testid": "select", onchange: () => { choose(entry, box.checked); onchange(); } });
    box.checked = chosen.has(entry.name);
    const cell = (label, content, attributes = {}) => el("td", { role: "cell", "data-label": label, ...attributes }, content);
    return el("tr", { role: "row", "data-testid": "letter", "data-id": entry.name },
      el("td", { role: "cell", class: "pick" }, el("label", { class: "box" }, box)),
      el("th", { scope: "row", role: "rowheader", "data-label": "Parked" }, time(entry.parked_at)),
      cell("Signal", visible(entry.signal)),
      cell("Reason", visible(entry.reason), { class: "reason" }),
      cell("Far end said", said(entry), { class: "said" }),
      cell("Records", count(entry.records), { class: "number" }),
      cell("Size", bytes(entry.bytes), { class: "number" }),
      cell("Attempts", count(entry.attempts), { class: "number" }),
      el("td", { role: "cell" }, el("a", { class: "button", href: `${base}/${encodeURIComponent(entry.name)}`, "aria-label": `Look into ${visible(what)}`, "data-testid": "look" }, "Look")));
  }

  return {
    node,
    fill(list) {
      entries = list;
      body.replaceChildren(...list.map(row));
      all.checked = list.length > 0 && list.every((e) => chosen.has(e.name));
      all.disabled = list.length === 0;
    },
    selected: () => [...chosen.values()],
    clear() {
      chosen.clear();
      all.checked = false;
      for (const box of body.querySelectorAll("input")) box.checked = false;
    },
  };
}

// said shows the beginning; the whole message is in the entry.
function said(entry) {
  const message = visible(String(entry.message ?? "").slice(0, 200));
  return `${entry.status ? `${entry.status} ` : ""}${message}` || "–";
}
