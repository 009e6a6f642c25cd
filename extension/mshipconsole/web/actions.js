// What can be done with dead letters. Each says afterwards, in words, what was done; null is nothing.
import { el } from "./dom.js";
import { credential, Failure, post, search, sinkPath, text } from "./api.js";
import { count, plural, visible } from "./words.js";
import { confirm } from "./dialog.js";

const entries = (n) => plural(n, "entry", "entries");

function target(scope) {
  return scope.ids ? { ids: scope.ids } : { filter: { signal: "", reason: "", from: "", to: "", ...scope.filter } };
}

export async function replayLetters(sink, scope) {
  const sure = await confirm({
    title: `Replay ${entries(scope.entries)}?`,
    text: "They go back into the queue under their own ids, and leave the dead letters once the queue has them on disk. If the far end refuses them again, they come back here.",
    action: `Replay ${count(scope.entries)}`,
  });
  if (!sure) return null;
  const done = await replayAll(sink, target(scope));
  if (!done.failed) return { text: `${entries(done.replayed)} went back into the queue.`, moved: true };
  return { text: `${entries(done.replayed)} went back into the queue, ${count(done.failed)} could not: ${visible(done.error ?? "")}`, bad: true, moved: true };
}

// One request replays for a few seconds and says how much is left.
async function replayAll(sink, order) {
  const all = { replayed: 0, failed: 0, error: "" };
  for (let left = 1; left > 0 && !all.failed;) {
    const done = await post(sinkPath(sink, "dead-letters", "replay"), order);
    all.replayed += done.replayed;
    all.failed += done.failed;
    all.error = done.error ?? "";
    left = done.left ?? 0;
  }
  return all;
}

export async function purgeLetters(sink, scope) {
  const sure = await confirm({
    title: `Purge ${entries(scope.entries)} for good?`,
    text: "They are deleted from the disk. Nobody can bring them back. Export them first if anyone may still want them.",
    action: `Purge ${count(scope.entries)} for good`,
    type: String(scope.entries),
    danger: true,
  });
  if (!sure) return null;
  try {
    const done = await post(sinkPath(sink, "dead-letters", "purge"), { ...target(scope), count: scope.entries });
    return { text: `${entries(done.purged ?? scope.entries)} deleted.`, moved: true };
  } catch (failure) {
    if (failure.status !== 409) throw failure;
    const now = failure.body?.count;
    throw new Failure(`Nothing was deleted: ${now === undefined ? "their number has changed" : `there are ${entries(now)} now`}. Look again, then purge.`, 409);
  }
}

export async function exportLetters(sink, scope) {
  const name = `dead-letters-${sink.replace(/[^\w.-]+/g, "_")}.jsonl`;
  if (scope.ids) {
    const texts = [];
    for (const id of scope.ids) texts.push(await text(sinkPath(sink, "dead-letters", id, "export")));
    save(URL.createObjectURL(new Blob(texts, { type: "application/x-ndjson" })), name);
  } else {
    await saveFrom(sinkPath(sink, "dead-letters", "export") + search(scope.filter), name);
  }
  return { text: `${entries(scope.entries)} saved as ${name}, one OTLP request in JSON on each line.` };
}

// A link streams to the disk, but carries no credential; with one, the whole goes through memory.
async function saveFrom(path, name) {
  if (!credential.get()) save(path, name);
  else save(URL.createObjectURL(new Blob([await text(path)], { type: "application/x-ndjson" })), name);
}

function save(href, name) {
  const link = el("a", { href, download: name });
  document.body.append(link);
  link.click();
  link.remove();
  if (href.startsWith("blob:")) setTimeout(() => URL.revokeObjectURL(href), 60_000);
}
