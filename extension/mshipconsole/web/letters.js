// The dead letters of one sink: find, select, replay, export, purge.
import { el, button, say, show } from "./dom.js";
import { get, sinkPath } from "./api.js";
import { bytes, count, plural, visible } from "./words.js";
import { table } from "./table.js";
import { filters } from "./filters.js";
import { exportLetters, purgeLetters, replayLetters } from "./actions.js";

const pageSize = 100;

export function letters(sink, query) {
  const base = `#/sink/${encodeURIComponent(sink)}/dead-letters`;
  const result = el("p", { class: "result", role: "status", "data-testid": "result" });
  const total = el("p", { class: "total", "data-testid": "total" }, "Reading …");
  const rows = table(base, changed);
  const state = { pages: [""], page: 0, next: "", total: null };
  const filter = filters(query, () => { state.pages = [""]; state.page = 0; rows.clear(); load(); });
  const newer = button("Newer", () => { state.page--; load(); }, { "data-testid": "newer" });
  const older = button("Older", () => { state.pages[state.page + 1] = state.next; state.page++; load(); }, { "data-testid": "older" });
  const where = el("span", { class: "quiet", "data-testid": "page" });
  const replay = button("Replay", () => act(replayLetters), { class: "main", "data-testid": "replay" });
  const save = button("Export", () => act(exportLetters), { "data-testid": "export" });
  const purge = button("Purge …", () => act(purgeLetters), { class: "danger", "data-testid": "purge" });
  const node = el("div", { "data-testid": "letters" },
    el("p", {}, el("a", { href: "#/" }, "← All sinks")),
    el("h1", {}, "Dead letters of ", el("bdi", {}, visible(sink))),
    el("p", { class: "quiet" }, "What the far end did not take for good. Nothing here is lost: mend the cause ashore, then replay."),
    filter.node, total,
    el("div", { class: "actions sticky" }, replay, save, purge), result, rows.node,
    el("nav", { class: "paging", "aria-label": "Pages" }, newer, where, older));
  let latest = 0;

  async function load() {
    const mine = ++latest;
    node.setAttribute("aria-busy", "true");
    try {
      const answer = await get(sinkPath(sink, "dead-letters"), { ...filter.value(), limit: pageSize, after: state.pages[state.page] });
      if (mine !== latest) return;
      state.next = answer.next ?? "";
      state.total = answer.total ?? { entries: 0, records: 0, bytes: 0 };
      rows.fill(answer.entries ?? []);
      changed();
    } catch (failure) {
      if (mine === latest) trouble(failure);
    }
    node.removeAttribute("aria-busy");
  }

  function changed() {
    const t = state.total ?? { entries: 0 };
    const chosen = rows.selected();
    const which = chosen.length ? `${count(chosen.length)} selected` : `all ${count(t.entries)}`;
    say(total, t.entries ? `${plural(t.entries, "entry matches", "entries match")}: ${plural(t.records ?? 0, "record")}, ${bytes(t.bytes ?? 0)}.` : "No dead letters match. That is good.");
    say(replay, `Replay ${which}`);
    say(save, `Export ${which}`);
    say(purge, `Purge ${which} …`);
    for (const b of [replay, save, purge]) b.disabled = t.entries === 0;
    newer.disabled = state.page === 0;
    older.disabled = !state.next;
    show(node.lastChild, state.page > 0 || Boolean(state.next));
    say(where, `page ${state.page + 1} of ${Math.max(1, Math.ceil(t.entries / pageSize))}`);
  }

  async function act(what) {
    const ids = rows.selected().map((e) => e.name);
    const scope = ids.length ? { ids, entries: ids.length } : { filter: filter.value(), entries: state.total.entries };
    try {
      const words = await what(sink, scope);
      if (words === null) return; // the person has changed their mind
      result.dataset.tone = words.bad ? "bad" : "good";
      say(result, words.text);
      if (words.moved) rows.clear();
    } catch (failure) {
      trouble(failure);
    }
    await load();
  }

  function trouble(failure) {
    result.dataset.tone = "bad";
    say(result, failure.message);
  }

  load();
  return { node, title: `Dead letters of ${visible(sink)}`, leave: () => { latest++; } };
}
