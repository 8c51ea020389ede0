// A long gallery with few pictures in the DOM: parts far from the viewport drop their cards and keep their height.
import { remember } from "./list.js";

const MOST = 5; // parts of 60 cards that are awake at once
const filter = document.getElementById("filter");
filter.dataset.live = "";

let gallery = null, chosen = new Set();
const awake = new IntersectionObserver(near, { rootMargin: "900px 0px" });

function begin() {
  gallery = document.getElementById("gallery");
  if (!gallery || gallery.dataset.begun) return;
  gallery.dataset.begun = "yes";
  awake.disconnect();
  gallery.querySelectorAll(".chunk").forEach((part) => awake.observe(part));
  chosen = new Set();
  showSelection();
}

async function near(entries) {
  for (const entry of entries) {
    const part = entry.target;
    part.dataset.near = entry.isIntersecting ? "yes" : "";
    if (!entry.isIntersecting || !part.isConnected) continue;
    if (part.classList.contains("asleep")) await wake(part);
    if (part === gallery.lastElementChild && part.dataset.next) await more(part);
    settle(part);
  }
}

async function fetched(after) {
  const answer = await fetch(`/fragments/outputs?${gallery.dataset.query}&after=${encodeURIComponent(after)}`, { headers: { Accept: "text/html" } });
  if (!answer.ok) throw new Error(String(answer.status));
  const parsed = new DOMParser().parseFromString(await answer.text(), "text/html").querySelector(".chunk");
  return document.adoptNode(parsed);
}

async function more(part) {
  if (part.dataset.busy) return;
  part.dataset.busy = "yes";
  const within = gallery;
  try {
    let next = await fetched(part.dataset.next);
    while (within === gallery && !next.querySelector(".card-picture") && next.dataset.next) next = await fetched(next.dataset.next);
    if (within !== gallery) return;
    part.querySelectorAll(".more-link, .looking").forEach((one) => one.remove());
    gallery.append(next);
    marked(next);
    awake.observe(next);
  } catch { delete part.dataset.busy; }
}

async function wake(part) {
  try {
    const again = await fetched(part.dataset.after);
    if (part !== gallery.lastElementChild) again.querySelector(".more-link")?.remove();
    part.replaceChildren(...again.childNodes);
    part.classList.remove("asleep");
    part.style.height = "";
    marked(part);
  } catch { /* retried when it comes near again */ }
}

// Unloads the parts farthest from the one in view until at most MOST are loaded.
function settle(here) {
  const parts = [...gallery.children], at = parts.indexOf(here);
  const up = parts.filter((part) => part.matches(".chunk") && !part.classList.contains("asleep"));
  up.sort((a, b) => Math.abs(parts.indexOf(b) - at) - Math.abs(parts.indexOf(a) - at));
  for (const part of up.slice(0, Math.max(0, up.length - MOST))) {
    part.style.height = `${part.getBoundingClientRect().height}px`;
    part.classList.add("asleep");
    part.dataset.ids = JSON.stringify(idsOf(part));
    part.replaceChildren();
  }
  const url = new URL(location.href);
  if (here.dataset.after) url.searchParams.set("after", here.dataset.after); else url.searchParams.delete("after");
  if (parts.length > 1 && document.documentElement.scrollTop > 0) history.replaceState(history.state, "", url);
}

const idsOf = (part) => part.classList.contains("asleep") && part.dataset.ids ? JSON.parse(part.dataset.ids) : [...part.querySelectorAll(".card-picture")].map((card) => Number(card.dataset.id));

// Whoever opens a picture can step to the previous and the next from there.
document.addEventListener("click", (event) => {
  if (!event.target.closest(".card-picture > a")) return;
  const parts = [...gallery.querySelectorAll(".chunk")];
  remember({ ids: parts.flatMap(idsOf), query: gallery.dataset.query, next: parts.at(-1)?.dataset.next ?? "", back: location.href });
});

function marked(part) { part.querySelectorAll(".pick input").forEach((box) => { box.checked = chosen.has(box.value); }); }

function showSelection() {
  const bar = document.getElementById("chosen");
  if (!bar) return;
  bar.hidden = chosen.size === 0;
  bar.querySelector("[data-count]").textContent = chosen.size;
  const link = bar.querySelector("[data-compare]");
  link.href = `/compare?ids=${[...chosen].join(",")}`;
  link.hidden = chosen.size < 2;
}

document.addEventListener("change", (event) => {
  if (!event.target.matches(".pick input")) return;
  if (event.target.checked && chosen.size >= 4) { event.target.checked = false; return; }
  if (event.target.checked) chosen.add(event.target.value); else chosen.delete(event.target.value);
  showSelection();
});
document.addEventListener("click", (event) => {
  if (event.target.matches("[data-clear]")) { chosen.clear(); marked(gallery); showSelection(); }
});
document.body.addEventListener("htmx:configRequest", (event) => {
  if (event.detail.elt !== filter) return; // leave empty fields out of the URL
  for (const name of Object.keys(event.detail.parameters)) if (!event.detail.parameters[name]) delete event.detail.parameters[name];
});
document.body.addEventListener("htmx:afterSettle", begin);
begin();
