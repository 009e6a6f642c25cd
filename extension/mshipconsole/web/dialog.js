// A question that must be answered before something is done.
import { el, button } from "./dom.js";

let made = 0;

// confirm resolves to whether it is to be done. With `type` the person must type it first.
export function confirm({ title, text, action, type = null, danger = false }) {
  const id = `dialog-${++made}`;
  const go = el("button", { class: danger ? "danger" : "main", value: "go", "data-testid": "confirm" }, action);
  const input = type === null ? null : el("input", {
    id: `${id}-type`, inputmode: "numeric", autocomplete: "off", "data-testid": "confirm-count",
    oninput: () => { go.disabled = input.value.trim() !== type; },
  });
  go.disabled = input !== null;
  const dialog = el("dialog", { "aria-labelledby": `${id}-title`, "aria-describedby": `${id}-text`, "data-testid": "dialog" },
    el("form", { method: "dialog" },
      el("h2", { id: `${id}-title` }, title), el("p", { id: `${id}-text` }, text),
      input && [el("label", { for: input.id }, `Type ${type} to go on`), input],
      el("div", { class: "actions" }, go, button("Cancel", () => dialog.close(""), { "data-testid": "cancel" }))));
  document.body.append(dialog);
  dialog.showModal();
  return new Promise((resolve) => {
    dialog.addEventListener("close", () => {
      dialog.remove();
      resolve(dialog.returnValue === "go");
    });
  });
}
