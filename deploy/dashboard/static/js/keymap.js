// The key map: actions, buttons and the help are all rendered from it, so they cannot disagree. An action is of the
// review page unless `on` names its pages, and has a button in the bar unless it has one `elsewhere`; a key means one action on all of them.
const DECIDE = ["review", "cards", "grid", "compare", "duel", "output"], RATE = ["review", "cards", "grid", "compare", "output"];
export const ACTIONS = [
  { id: "approve", on: RATE, key: "p", title: "Approve", style: "approved" },
  { id: "reject", on: RATE, key: "x", title: "Reject", style: "rejected" },
  { id: "flag", on: RATE, key: "f", title: "Flag", style: "flagged" },
  { id: "unset", on: RATE, key: "u", title: "Unset" },
  { id: "rate1", on: RATE, key: "1", title: "★1", words: "Rate 1", style: "rate" },
  { id: "rate2", on: RATE, key: "2", title: "2", words: "Rate 2", style: "rate" },
  { id: "rate3", on: RATE, key: "3", title: "3", words: "Rate 3", style: "rate" },
  { id: "rate4", on: RATE, key: "4", title: "4", words: "Rate 4", style: "rate" },
  { id: "rate5", on: RATE, key: "5", title: "5", words: "Rate 5", style: "rate" },
  { id: "back", on: DECIDE, key: "ArrowLeft", title: "Back", words: "The picture before; of two, prefer the left one" },
  { id: "next", on: DECIDE, key: "ArrowRight", title: "Next", words: "The next picture; of two, prefer the right one" },
  { id: "undo", on: ["review", "cards", "grid", "compare"], key: "z", title: "Undo" },
  { id: "hold", key: " ", title: "Reference", words: "Hold to show the reference over the picture", hold: true },
  { id: "compare", key: "c", title: "Compare", style: "minor" },
  { id: "zoom", key: "e", title: "Zoom", words: "Zoom: fit, 100 %, 200 %; move by dragging, the wheel or Shift and arrows", style: "minor" },
  { id: "stack", key: "o", title: "Stack", words: "Look through a stack of near-duplicates by the arrows; again, it is one picture", elsewhere: true },
  { id: "lineage", key: "i", title: "Lineage", style: "minor" },
  { id: "grid", key: "g", title: "Grid", style: "minor" },
  { id: "filter", key: "/", title: "Filter", style: "minor" },
  { id: "note", on: ["review", "output"], key: "n", title: "Note", words: "Note, kept with the next decision", style: "minor" },
  { id: "up", on: ["cards", "grid"], key: "ArrowUp", title: "Row above" },
  { id: "down", on: ["cards", "grid"], key: "ArrowDown", title: "Row below" },
  { id: "tick", on: ["cards"], key: "t", title: "Tick", words: "Tick the picture; with Shift all from the last one ticked" },
  { id: "seedback", on: ["grid"], key: ",", title: "Seed before" },
  { id: "seednext", on: ["grid"], key: ".", title: "Next seed" },
  { id: "tie", on: ["duel"], key: "b", title: "Neither", words: "Neither is better" },
  { id: "help", on: [...DECIDE], key: "?", title: "Help" },
];
// Returns the actions of a page.
export const actionsOn = (page) => ACTIONS.filter((one) => (one.on ?? ["review"]).includes(page));
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
