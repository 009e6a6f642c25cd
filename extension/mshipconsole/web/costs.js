// What each sink has cost on a link, in the present day and month. On a phone a row becomes a
// block; the roles keep it a table for a screen reader.
import { el, say, show } from "./dom.js";
import { bytes, moment, span, visible } from "./words.js";

export function costTable() {
  const day = el("span", { class: "quiet", "data-testid": "cost-day-since" });
  const month = el("span", { class: "quiet", "data-testid": "cost-month-since" });
  const body = el("tbody", { role: "rowgroup" });
  const table = el("table", { class: "costs", role: "table", "aria-label": "What each sink has cost", "data-testid": "costs" },
    el("thead", { role: "rowgroup" }, el("tr", { role: "row" },
      el("th", { scope: "col", role: "columnheader" }, "Sink"),
      el("th", { scope: "col", role: "columnheader", class: "number" }, "Day", day),
      el("th", { scope: "col", role: "columnheader", class: "number" }, "Month", month),
      el("th", { scope: "col", role: "columnheader", class: "number" }, "Waited", el("span", { class: "quiet" }, "since the start")))),
    body);
  const none = el("p", { class: "quiet" }, "Nothing has been sent over it yet.");
  const note = el("p", { class: "quiet", "data-testid": "costs-note" });
  const node = el("div", {}, table, none, note);
  const rows = new Map();

  function update(costs) {
    const sinks = costs?.sinks ?? [];
    show(table, sinks.length > 0);
    show(none, sinks.length === 0);
    if (!costs) return;
    say(day, `since ${moment(costs.day?.start)}`);
    say(month, `since ${moment(costs.month?.start)}`);
    say(note, noteOf(costs));
    const lines = sinks.length > 1 ? [...sinks, total(sinks)] : sinks;
    const keys = new Set(lines.map(keyOf));
    for (const [key, row] of rows) {
      if (keys.has(key)) continue;
      row.node.remove();
      rows.delete(key);
    }
    lines.forEach((line, i) => {
      const key = keyOf(line);
      if (!rows.has(key)) rows.set(key, costRow(line));
      const row = rows.get(key);
      if (body.children[i] !== row.node) body.insertBefore(row.node, body.children[i] ?? null);
      row.update(line);
    });
  }

  return { node, update };
}

// keyOf keeps a sink that is called All apart from the sum of all.
function keyOf(line) {
  return line.all ? "all" : `sink ${line.sink}`;
}

function costRow(line) {
  const cells = { day: costCell("cost-day", "Day"), month: costCell("cost-month", "Month") };
  const waited = el("td", { role: "cell", class: "number", "data-label": "Waited since the start", "data-testid": "cost-waited" });
  const node = el("tr", { role: "row", class: line.all ? "sum" : null, "data-testid": "cost", "data-sink": line.all ? null : line.sink },
    el("th", { scope: "row", role: "rowheader" }, el("bdi", {}, visible(line.sink))), cells.day.node, cells.month.node, waited);
  return {
    node,
    update(now) {
      cells.day.update(now.day);
      cells.month.update(now.month);
      say(waited, now.waited_seconds >= 1 ? span(now.waited_seconds) : "–");
    },
  };
}

function costCell(key, label) {
  const sum = el("span", { "data-testid": key });
  const ways = el("span", { class: "quiet" });
  return {
    node: el("td", { role: "cell", class: "number", "data-label": label }, sum, ways),
    update(cost) {
      say(sum, bytes(cost?.up + cost?.down));
      say(ways, `${bytes(cost?.up)} up, ${bytes(cost?.down)} down`);
    },
  };
}

function total(sinks) {
  const sum = (of) => sinks.reduce((all, s) => all + of(s), 0);
  return {
    all: true, sink: "All",
    day: { up: sum((s) => s.day?.up), down: sum((s) => s.day?.down) },
    month: { up: sum((s) => s.month?.up), down: sum((s) => s.month?.down) },
    waited_seconds: sum((s) => s.waited_seconds),
  };
}

function noteOf(costs) {
  const began = [costs.day, costs.month].find((period) => Date.parse(period?.since) > Date.parse(period?.start))?.since;
  const since = began ? ` Counted since ${moment(began)}; what was before is not in it.` : "";
  const kept = costs.stored ? "" : " A restart of the agent begins at 0: the link has no storage.";
  return `Both directions, handshakes and retries included.${since}${kept}`;
}
