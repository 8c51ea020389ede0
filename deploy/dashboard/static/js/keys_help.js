// Renders the buttons and the help from the key map.
import { actionsOn, keyName } from "./keymap.js";

export function drawButtons(bar, keymap, act) {
  bar.replaceChildren(...actionsOn("review").filter((one) => !one.elsewhere).map((one) => {
    const button = document.createElement("button"), key = document.createElement("kbd");
    button.type = "button";
    button.className = one.style ?? "";
    button.dataset.action = one.id;
    button.setAttribute("aria-label", one.words ?? one.title);
    button.title = one.words ?? one.title;
    if (keymap.on) button.setAttribute("aria-keyshortcuts", keyName(keymap.keyOf(one.id)));
    key.textContent = keyName(keymap.keyOf(one.id));
    key.setAttribute("aria-hidden", "true");
    if (one.style === "rate") button.append(one.title); else button.append(one.title, key);
    button.addEventListener("click", () => { act(one.id); button.blur(); });
    return button;
  }));
}

export class Help {
  #dialog; #keymap; #changed; #page; #listening = null;
  constructor(dialog, keymap, changed = () => {}, page = "review") {
    this.#dialog = dialog; this.#keymap = keymap; this.#changed = changed; this.#page = page;
    dialog.querySelector("#keys-on").addEventListener("change", (event) => { keymap.on = event.target.checked; this.#draw(); });
    dialog.querySelector("#keys-reset").addEventListener("click", () => { keymap.reset(); this.#draw(); });
    dialog.querySelector("#help-close").addEventListener("click", () => dialog.close());
    dialog.addEventListener("keydown", (event) => this.#key(event));
    dialog.addEventListener("close", () => { this.#listening = null; });
  }
  toggle() { if (this.#dialog.open) this.#dialog.close(); else { this.#draw(); this.#dialog.showModal(); } }
  #draw() {
    this.#changed();
    this.#dialog.querySelector("#keys-on").checked = this.#keymap.on;
    this.#dialog.querySelector("#help-keys").replaceChildren(...actionsOn(this.#page).map((one) => {
      const row = document.createElement("tr"), name = document.createElement("th"), key = document.createElement("td"), change = document.createElement("td");
      const shown = document.createElement("kbd"), button = document.createElement("button");
      name.scope = "row"; name.textContent = one.words ?? one.title;
      shown.textContent = this.#listening === one.id ? "press a key" : keyName(this.#keymap.keyOf(one.id));
      button.type = "button"; button.className = "quiet"; button.textContent = "Change";
      button.setAttribute("aria-label", `Change the key of ${one.words ?? one.title}`);
      button.addEventListener("click", () => { this.#listening = one.id; this.#draw(); this.#dialog.focus(); });
      key.append(shown); change.append(button); row.append(name, key, change);
      return row;
    }));
  }
  #key(event) {
    if (!this.#listening) { if (this.#keymap.actionOf(event.key)?.id === "help") { event.preventDefault(); event.stopPropagation(); this.#dialog.close(); } return; }
    if (event.key === "Escape" || event.key === "Tab") { this.#listening = null; this.#draw(); event.preventDefault(); return; }
    event.preventDefault(); event.stopPropagation();
    if (this.#keymap.change(this.#listening, event.key)) { this.#listening = null; this.#draw(); }
  }
}
