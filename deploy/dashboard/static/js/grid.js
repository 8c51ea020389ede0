import { remember } from "./list.js";

// Flips through seeds in place, in all cells at once.
let turn = 0;
const cells = [...document.querySelectorAll(".flip")].map((cell) => [...cell.children]);
const most = Math.max(1, ...cells.map((one) => one.length));
function flip(by) {
  turn = (turn + by + most) % most;
  for (const seeds of cells) seeds.forEach((one, i) => { one.hidden = i !== turn % seeds.length; });
  const first = cells[0]?.[turn % (cells[0]?.length || 1)];
  const shown = document.getElementById("seed");
  if (shown && first) shown.textContent = `seed ${first.dataset.seed}`;
}
document.querySelectorAll("[data-flip]").forEach((button) => button.addEventListener("click", () => flip(Number(button.dataset.flip))));
document.addEventListener("click", (event) => {
  if (!event.target.closest(".flip > a")) return;
  const ids = [...document.querySelectorAll(".flip > a:not([hidden])")].map((link) => Number(link.pathname.split("/").pop()));
  remember({ ids, query: "", next: "", back: location.href });
});
addEventListener("keydown", (event) => {
  if (event.ctrlKey || event.metaKey || event.altKey || event.target.matches("input, select, textarea, [role=region]")) return;
  if (event.key === "ArrowLeft") flip(-1); else if (event.key === "ArrowRight") flip(1); else return;
  event.preventDefault();
});
flip(0);
