// The grid: flips through seeds in place, the same seed in all cells at once, and decides on the focused cell.
import { listen } from "./focus_keys.js";
import { pending } from "./cards.js";
import { remember } from "./list.js";

let turn = 0;
const cells = [...document.querySelectorAll(".flip")].map((cell) => [...cell.children]);
const seeds = cells[0]?.map((one) => one.dataset.seed) ?? [];
function flip(by) {
  if (!seeds.length) return;
  const focused = cells.find((one) => one.includes(document.activeElement));
  turn = (turn + by + seeds.length) % seeds.length;
  for (const cell of cells) cell.forEach((one, i) => { one.hidden = i !== turn; });
  const shown = document.getElementById("seed");
  if (shown) shown.textContent = `seed ${seeds[turn]}`;
  focused?.[turn].focus();
}
document.querySelectorAll("[data-flip]").forEach((button) => button.addEventListener("click", () => flip(Number(button.dataset.flip))));
const links = () => [...document.querySelectorAll(".flip > a:not([hidden])")];
document.addEventListener("click", (event) => {
  if (!event.target.closest(".flip > a")) return;
  remember({ ids: links().map((link) => Number(link.dataset.output)), query: "", next: "", back: location.href });
});
pending();
listen("grid", links, { seedback: () => flip(-1), seednext: () => flip(1) });
flip(0);
