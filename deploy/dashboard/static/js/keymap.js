// The key map: actions, buttons and the help are all rendered from it, so they cannot disagree.
export const ACTIONS = [
  { id: "approve", key: "p", title: "Approve", style: "approved" },
  { id: "reject", key: "x", title: "Reject", style: "rejected" },
  { id: "flag", key: "f", title: "Flag", style: "flagged" },
  { id: "unset", key: "u", title: "Unset" },
  { id: "rate1", key: "1", title: "★1", words: "Rate 1", style: "rate" },
  { id: "rate2", key: "2", title: "2", words: "Rate 2", style: "rate" },
  { id: "rate3", key: "3", title: "3", words: "Rate 3", style: "rate" },
  { id: "rate4", key: "4", title: "4", words: "Rate 4", style: "rate" },
  { id: "rate5", key: "5", title: "5", words: "Rate 5", style: "rate" },
  { id: "back", key: "ArrowLeft", title: "Back" },
  { id: "next", key: "ArrowRight", title: "Next" },
  { id: "undo", key: "z", title: "Undo" },
  { id: "hold", key: " ", title: "Reference", words: "Hold to show the reference over the picture", hold: true },
  { id: "compare", key: "c", title: "Compare", style: "minor" },
  { id: "zoom", key: "e", title: "Zoom", words: "Zoom: fit, 100 %, 200 %; move by dragging, the wheel or Shift and arrows", style: "minor" },
  { id: "lineage", key: "i", title: "Lineage", style: "minor" },
  { id: "grid", key: "g", title: "Grid", style: "minor" },
  { id: "filter", key: "/", title: "Filter", style: "minor" },
  { id: "note", key: "n", title: "Note", words: "Note, kept with the next decision", style: "minor" },
  { id: "help", key: "?", title: "Help" },
];
const STORAGE_KEY = "keys:map", ON = "keys:on";
const NAMES = { " ": "Space", ArrowLeft: "←", ArrowRight: "→", ArrowUp: "↑", ArrowDown: "↓" };

export class Keymap {
  #changed = {};
  constructor() {
    try { this.#changed = JSON.parse(localStorage.getItem(STORAGE_KEY)) ?? {}; } catch { this.#changed = {}; }
  }
  get on() { return localStorage.getItem(ON) !== "no"; }
  set on(value) { localStorage.setItem(ON, value ? "yes" : "no"); }
  keyOf(id) { return this.#changed[id] ?? ACTIONS.find((one) => one.id === id).key; }
  actionOf(key) {
    const wanted = key.length === 1 ? key.toLowerCase() : key;
    return ACTIONS.find((one) => this.keyOf(one.id) === wanted);
  }
  // Assigns another key to an action; an action that had that key gets this one's. Returns false for reserved keys.
  change(id, key) {
    if (["Tab", "Enter", "Escape", "Shift", "Control", "Alt", "Meta", "Unidentified", "Dead"].includes(key)) return false;
    const wanted = key.length === 1 ? key.toLowerCase() : key;
    const holder = this.actionOf(wanted);
    if (holder && holder.id !== id) this.#changed[holder.id] = this.keyOf(id);
    this.#changed[id] = wanted;
    localStorage.setItem(STORAGE_KEY, JSON.stringify(this.#changed));
    return true;
  }
  reset() { this.#changed = {}; localStorage.removeItem(STORAGE_KEY); }
}
export function keyName(key) { return NAMES[key] ?? (key.length === 1 ? key.toUpperCase() : key); }
