// The page of one picture: the keys of the review decide on it, and step through the list that one came from.
import { Keymap } from "./keymap.js";
import { Help } from "./keys_help.js";
import { neighbours } from "./list.js";

const form = document.getElementById("decide"), nav = document.getElementById("in-list"), keymap = new Keymap();
const found = neighbours(Number(document.querySelector("[data-output]").dataset.output));
found.then((list) => {
  if (!list) return;
  nav.hidden = false;
  nav.querySelector("[data-place]").textContent = `${list.place + 1} of ${list.total}${list.more ? "+" : ""}`;
  nav.querySelector("[data-back]").href = list.back;
  for (const [name, id] of [["before", list.before], ["after", list.after]]) {
    const link = nav.querySelector(`[data-${name}]`);
    if (id === undefined) link.setAttribute("aria-disabled", "true"); else link.href = `/outputs/${id}`;
  }
});

const follow = async (name) => { const id = (await found)?.[name]; if (id !== undefined) location.href = `/outputs/${id}`; };
const rate = (stars) => { if (form) form.rating.value = stars; };
const help = new Help(document.getElementById("help"), keymap, undefined, "output");
document.getElementById("help-button").addEventListener("click", () => help.toggle());
const does = { help: () => help.toggle(), back: () => follow("before"), next: () => follow("after"), rate1: () => rate(1), rate2: () => rate(2), rate3: () => rate(3), rate4: () => rate(4), rate5: () => rate(5), note: () => form?.note.focus() };

addEventListener("keydown", (event) => {
  if (event.ctrlKey || event.metaKey || event.altKey || event.repeat || document.getElementById("help").open) return;
  if (event.target.matches("input, select, textarea, [contenteditable]")) return;
  const reason = event.shiftKey && /^Digit([1-9])$/.exec(event.code);
  const action = keymap.actionOf(event.key)?.id;
  if (!keymap.on && action !== "help") return;
  const button = form?.querySelector(reason ? `[data-reason="${reason[1]}"]` : `[data-action="${action}"]`);
  if (!button && !does[action]) return;
  event.preventDefault();
  if (button) form.requestSubmit(button); else does[action]();
});
