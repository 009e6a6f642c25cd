// Text of any length and kind, shown as it is and no more of it than is asked for.
import { el, button } from "./dom.js";
import { bytes, visible } from "./words.js";

const shown = 2000; // characters

export function longText(value) {
  const text = String(value);
  if (text.length <= shown) return el("span", { class: "text" }, visible(text));
  const piece = el("span", { class: "text" }, visible(text.slice(0, shown)) + "…");
  const all = button(`Show all of it (${bytes(text.length)})`, () => {
    piece.textContent = visible(text);
    piece.classList.add("long");
    piece.tabIndex = 0; // so that the keyboard can scroll it
    all.remove();
  }, { class: "small", "data-testid": "show-all" });
  return el("span", {}, piece, " ", all);
}
