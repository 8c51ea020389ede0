// The keys of a page of cards: they act on the card that has the focus, and the arrows move the focus.
import { decide, DECIDES, undo } from "./cards.js";
import { actionsOn, Keymap } from "./keymap.js";
import { Help } from "./keys_help.js";

const focused = () => document.activeElement?.closest?.("[data-output]") ?? null;

// Listens to the keys of `page`. `cards` returns the elements that can have the focus, in order; `does` are further
// actions by id, called with the focused card. Without `reviewer` nothing is decided.
export function listen(page, cards, does = {}) {
  const keymap = new Keymap(), help = new Help(document.getElementById("help"), keymap, undefined, page);
  const reviewer = "reviewer" in document.getElementById("help-button").dataset;
  const to = (from, next) => {
    const list = cards(), at = list.findIndex((one) => one.contains(from));
    const target = at < 0 ? list.find((one) => one.getBoundingClientRect().bottom > 0) : next(list, at);
    if (target) { const link = target.matches("a, [tabindex]") ? target : target.querySelector("a, [tabindex]"); link.focus({ preventScroll: true }); target.scrollIntoView({ block: "nearest" }); }
  };
  // The card in the row above (-1) or below (1) whose middle is nearest to that of the focused one.
  const row = (by) => (list, at) => {
    const box = list[at].getBoundingClientRect(), middle = box.left + box.width / 2;
    const beyond = list.map((one) => ({ one, box: one.getBoundingClientRect() })).filter(({ box: other }) => (by < 0 ? other.bottom <= box.top + 1 : other.top >= box.bottom - 1));
    beyond.sort((a, b) => Math.abs(a.box.top - box.top) - Math.abs(b.box.top - box.top) || Math.abs(a.box.left + a.box.width / 2 - middle) - Math.abs(b.box.left + b.box.width / 2 - middle));
    return beyond[0]?.one;
  };
  const here = new Set(actionsOn(page).map((one) => one.id));
  const moves = { back: (list, at) => list[at - 1], next: (list, at) => list[at + 1], up: row(-1), down: row(1) };
  document.getElementById("help-button").addEventListener("click", () => help.toggle());
  addEventListener("keydown", (event) => {
    if (event.ctrlKey || event.metaKey || event.altKey || document.getElementById("help").open) return;
    if (event.target.matches("input:not([type=checkbox], [type=range]), select, textarea, [contenteditable]")) return;
    const action = keymap.actionOf(event.key)?.id, card = focused();
    if (!action || (!keymap.on && action !== "help")) return;
    // a key that the help of this page does not name does nothing here
    if (!does[action] && !moves[action] && !here.has(action)) return;
    if (event.shiftKey && event.key.startsWith("Arrow")) return;
    if (event.target.matches("[type=range]") && event.key.startsWith("Arrow")) return;
    const run = does[action] ?? (moves[action] && (() => to(document.activeElement, moves[action])))
      ?? (action === "help" ? () => help.toggle() : null)
      ?? (reviewer && action === "undo" ? undo : null)
      ?? (reviewer && DECIDES[action] && card ? () => decide(card, DECIDES[action]) : null);
    if (!run) return;
    event.preventDefault();
    // a key that is held down moves on, but never decides twice
    if (event.repeat && (does[action] || !moves[action])) return;
    run(card, event);
  });
}
