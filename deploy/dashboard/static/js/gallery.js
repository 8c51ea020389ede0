// The gallery: loads parts on scrolling, in both directions, and holds no more than MOST of them at once; comes back to
// its place when one returns; ticks pictures, and decides on those that are ticked or focused.
import { decide, pending } from "./cards.js";
import { Ticks } from "./ticks.js";
import { listen } from "./focus_keys.js";
import { remember } from "./list.js";
import { fit } from "./card_size.js";

const MOST = 5; // parts that are loaded at once
const filter = document.getElementById("filter");
if (filter) filter.dataset.live = "";

let gallery = null;
const awake = new IntersectionObserver(near, { rootMargin: "900px 0px" });
const ticks = new Ticks(document.getElementById("chosen"), () => gallery, (output, change) => {
  const card = gallery.querySelector(`[data-output="${output}"]`);
  if (card) decide(card, change);
  return Boolean(card);
});

function begin() {
  gallery = document.getElementById("gallery");
  if (!gallery || gallery.dataset.begun) return;
  gallery.dataset.begun = "yes";
  awake.disconnect();
  fit(gallery, document.getElementById("size"));
  const kept = history.state?.gallery;
  const back = kept?.query === gallery.dataset.query && performance.getEntriesByType("navigation")[0]?.type !== "navigate" ? kept : null;
  if (back) restore(back);
  gallery.querySelectorAll(".chunk").forEach((part) => awake.observe(part));
  ticks.clear();
  pending();
  if (back) scrollTo(0, back.y);
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
    shown(next);
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
    shown(part);
  } catch { /* retried when it comes near again */ }
}

function shown(part) { pending(); ticks.mark(part); }

function sleep(part, height, ids) {
  part.style.height = `${height}px`;
  part.classList.add("asleep");
  part.dataset.ids = JSON.stringify(ids);
  part.replaceChildren();
}

// Unloads the parts farthest from the one in view until at most MOST are loaded.
function settle(here) {
  const parts = [...gallery.children], at = parts.indexOf(here);
  const up = parts.filter((part) => part.matches(".chunk") && !part.classList.contains("asleep"));
  up.sort((a, b) => Math.abs(parts.indexOf(b) - at) - Math.abs(parts.indexOf(a) - at));
  for (const part of up.slice(0, Math.max(0, up.length - MOST))) sleep(part, part.getBoundingClientRect().height, idsOf(part));
}

const idsOf = (part) => part.classList.contains("asleep") && part.dataset.ids ? JSON.parse(part.dataset.ids) : [...part.querySelectorAll(".card-picture")].map((card) => Number(card.dataset.id));

// Keeps the place with this entry of the browser's history, not in the address: a link that is passed on begins at the
// beginning, and Back returns to the place.
function keep() {
  if (!gallery) return;
  const parts = [...gallery.querySelectorAll(".chunk")].map((part) => ({ after: part.dataset.after, next: part.dataset.next, height: part.getBoundingClientRect().height, ids: idsOf(part) }));
  try { history.replaceState({ ...history.state, gallery: { query: gallery.dataset.query, y: scrollY, parts } }, ""); } catch { /* too much for this browser: Back begins at the beginning */ }
}
function restore({ parts }) {
  history.scrollRestoration = "manual";
  const first = gallery.querySelector(".chunk");
  gallery.replaceChildren(...parts.map(({ after, next, height, ids }, place) => {
    if (place === 0 && first.dataset.after === after) return first;
    const part = document.createElement("section");
    part.className = "chunk";
    Object.assign(part.dataset, { after, next });
    sleep(part, height, ids);
    return part;
  }));
}
let keeping = 0;
addEventListener("scroll", () => { clearTimeout(keeping); keeping = setTimeout(keep, 200); }, { passive: true });
addEventListener("pagehide", keep);

// Whoever opens a picture can step to the previous and the next from there.
document.addEventListener("click", (event) => {
  if (!event.target.closest(".card-picture > a")) return;
  keep();
  const parts = [...gallery.querySelectorAll(".chunk")];
  remember({ ids: parts.flatMap(idsOf), query: gallery.dataset.query, next: parts.at(-1)?.dataset.next ?? "", back: location.href });
});

document.body.addEventListener("htmx:configRequest", (event) => {
  if (event.detail.elt !== filter) return; // leave empty fields out of the URL
  for (const name of Object.keys(event.detail.parameters)) if (!event.detail.parameters[name]) delete event.detail.parameters[name];
});
document.body.addEventListener("htmx:afterSettle", begin);
begin();
listen("cards", () => [...gallery.querySelectorAll(".card-picture")], { tick: (card, event) => { if (card) ticks.toggle(Number(card.dataset.output), event.shiftKey); } });
