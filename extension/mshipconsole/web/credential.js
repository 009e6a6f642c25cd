// Asks a person for the credential that the agent wants.
import { el, button } from "./dom.js";

let asking = null;
let declined = false; // whoever does not want to is not asked every two seconds

// askCredential resolves to whether a new one was given. All who need it at once share one dialog.
export function askCredential(store) {
  if (declined) return Promise.resolve(false);
  asking ??= ask(store).finally(() => { asking = null; });
  return asking;
}

function ask(store) {
  const user = el("input", { id: "user", autocomplete: "username", autocapitalize: "none", "data-testid": "user" });
  const secret = el("input", { id: "secret", type: "password", autocomplete: "current-password", required: true, "data-testid": "secret" });
  const form = el("form", { method: "dialog" },
    el("h2", {}, "This agent asks who you are"),
    el("p", {}, store.get() ? "What was given before is not accepted." : "It is kept in this browser tab until you close it."),
    el("label", { for: "user" }, "User (leave empty for a token)"), user,
    el("label", { for: "secret" }, "Password or token"), secret,
    el("p", { class: "actions" },
      el("button", { class: "main", value: "give", "data-testid": "give" }, "Continue"),
      button("Cancel", () => dialog.close("no"))));
  const dialog = el("dialog", { "data-testid": "credential", "aria-label": "Credential" }, form);
  document.body.append(dialog);
  dialog.showModal();
  return new Promise((resolve) => {
    dialog.addEventListener("close", () => {
      const given = dialog.returnValue === "give" && secret.value !== "";
      if (given) store.set(user.value ? "Basic " + base64(`${user.value}:${secret.value}`) : `Bearer ${secret.value}`);
      declined = !given;
      dialog.remove();
      resolve(given);
    });
  });
}

function base64(text) {
  return btoa(String.fromCodePoint(...new TextEncoder().encode(text)));
}
