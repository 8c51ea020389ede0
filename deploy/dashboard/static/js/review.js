// The review page: one key decides and advances. Decisions are shown at once; the outbox sends them to the server.
import { outbox, toast } from "./page.js";
import { newUuid } from "./insecure.js";
import { actionsOn, Keymap, keyName } from "./keymap.js";
import { drawButtons, Help } from "./keys_help.js";
import { Queue } from "./queue.js";
import { Stack, stackOf } from "./stack.js";
import { UndoStack } from "./undo_stack.js";
import { Zoom } from "./zoom.js";

const root = document.getElementById("review");
const $ = (id) => document.getElementById(id);
const queue = new Queue(root.dataset.queue, Number(root.dataset.total));
const needed = Number(root.dataset.needed);
const keymap = new Keymap();
const NAMES = { none: "Undecided", approved: "Approved", rejected: "Rejected", flagged: "Flagged" };
const zoom = new Zoom(document.querySelector(".stage-picture"), [$("picture"), $("held")], $("zoom"));
const skips = "skips" in root.dataset;
const undone = new UndoStack(document.querySelector("meta[name=user]").content, root.dataset.queue);
const movesOn = $("moves-on"); // whether a rating goes on to the next picture, as this person prefers
movesOn.addEventListener("change", () => {
  const body = new URLSearchParams({ name: "rating_moves_on", value: movesOn.checked ? "yes" : "no" });
  fetch("/account/preferences", { method: "POST", body, headers: { Accept: "application/json", "X-CSRF-Token": document.querySelector("meta[name=csrf]").content } })
    .then((answer) => { if (!answer.ok) throw new Error(String(answer.status)); }).catch(() => toast("That setting could not be stored; it counts until you leave this page."));
});
let place = Math.min(Math.max(Number(new URLSearchParams(location.search).get("at") ?? root.dataset.resume) || 0, 0), queue.total);
let shown = null, loading = false;
const stack = new Stack($("stack"), (member) => look(member));
const early = []; // keys pressed before their picture has loaded: they apply to that picture and wait for it
const conflicts = new Map();

// Applies decisions that are still in the outbox, after a reload or from another tab, so that the item is shown as it
// will be once they are stored.
function pending(item) {
  for (const one of outbox.waiting()) for (const member of stackOf(item)) apply(member, one);
}
function apply(item, one) {
  const seen = one.pictures ? one.pictures.find((picture) => picture.output_id === item.output_id) : one;
  if (!seen || seen.output_id !== item.output_id || seen.revision !== item.revision) return false;
  Object.assign(item, { revision: seen.revision + 1, decision: one.decision, rating: one.rating, waits: one.decision === "none" });
  return true;
}

const settled = (item) => item && stackOf(item).every((one) => one.decision !== "none" || !one.waits);

// The next place to decide at; in a queue of undecided pictures it passes over what was decided since it was frozen.
function following(from) {
  let to = from + 1;
  while (skips && to < queue.total && settled(queue.known(to))) to += 1;
  return to;
}

async function itemAt(wanted) {
  const item = queue.known(wanted) ?? await queue.item(wanted);
  if (item && !item.seen) { item.seen = true; pending(item); }
  return item;
}

async function show(to, { push = false, onward = false } = {}) {
  place = to;
  const at = `?at=${place}`;
  if (push) history.pushState({ at: place }, "", at); else history.replaceState({ at: place }, "", at);
  $("progress").value = place;
  $("place").textContent = place < queue.total ? `${place + 1} of ${queue.total}` : `${queue.total} of ${queue.total} seen`;
  if (place >= queue.total) { shown = null; stack.show(null); loading = false; early.length = 0; summarise(); return draw(null); }
  const wanted = place;
  let item = queue.known(place);
  shown = null;
  loading = item === null;
  if (item === null) {
    try { item = await itemAt(place); } catch { toast("No connection; the picture appears once it is back."); return setTimeout(() => { if (place === wanted) show(wanted); }, 1500); }
  }
  if (place !== wanted) return;
  if (onward && skips && settled(item)) return show(following(place), { onward });
  loading = false;
  if (item && !item.seen) { item.seen = true; pending(item); }
  shown = item;
  stack.show(item);
  draw(item);
  queue.ahead(place);
  while (early.length && !loading) { const next = early.shift(); if (typeof next === "function") next(); else does[next](); }
}

function draw(item) {
  const end = place >= queue.total, gone = !end && !item?.there;
  $("end").hidden = !end; $("missing").hidden = !gone;
  $("picture").hidden = end || gone; $("held").hidden = true;
  document.querySelector(".beside").hidden = end || !item;
  document.querySelector(".now").hidden = end || !item;
  $("note").value = "";
  if (!item) return;
  set($("picture"), item.preview, `${item.prompt}, seed ${item.seed}`);
  sharpen(item);
  set($("held"), item.reference, `Reference of ${item.subject}`);
  set($("reference"), item.reference, `Reference of ${item.subject}`);
  pictured($("mask"), item.mask, "Mask of the reference");
  pictured($("sibling"), item.sibling?.thumb, "Nearest approved picture");
  if (item.sibling) $("sibling-link").href = `/outputs/${item.sibling.id}`;
  $("further").replaceChildren(...(item.further ?? []).map(furtherReference));
  $("further").hidden = !item.further?.length;
  $("subject").textContent = item.subjects.join(", ");
  $("prompt").textContent = `${item.prompt} · seed ${item.seed}`;
  $("value").textContent = Object.entries(item.scores).map(([metric, value]) => `${metric} ${value.toFixed(3)}`).join(" · ");
  const warnings = (item.warnings ?? []).map((text) => Object.assign(document.createElement("li"), { textContent: text }));
  $("warnings").replaceChildren(...warnings);
  $("warnings").hidden = !warnings.length;
  const scores = $("scores");
  scores.replaceChildren();
  for (const [metric, value] of Object.entries(item.scores)) {
    const name = document.createElement("dt"), bar = document.createElement("dd"), meter = document.createElement("meter");
    name.textContent = metric; meter.min = 0; meter.max = 1; meter.value = value; meter.setAttribute("aria-label", metric);
    bar.append(meter, ` ${value.toFixed(3)}`);
    scores.append(name, bar);
  }
  drawState(item);
}
// Pixels are judged on the picture itself: it takes the place of its preview once it is here.
function sharpen(item) {
  if (!zoom.close) return;
  const whole = new Image();
  whole.src = item.picture;
  whole.decode().then(() => { if (shown === item && zoom.close) $("picture").src = item.picture; }, () => toast("The picture itself could not be loaded; you see its preview."));
}
function furtherReference({ thumb, caption }, i) {
  const entry = document.createElement("li"), figure = document.createElement("figure");
  const image = Object.assign(document.createElement("img"), { title: caption });
  set(image, thumb, `Reference ${i + 2}: ${caption}`);
  figure.append(image, Object.assign(document.createElement("figcaption"), { textContent: `reference ${i + 2}` }));
  entry.append(figure);
  return entry;
}
function set(image, url, alt) { if (image.getAttribute("src") !== url) image.src = url; image.alt = alt; }
function pictured(image, url, alt) { image.closest("figure").hidden = !url; if (url) set(image, url, alt); }

function drawState(item) {
  const half = needed > 1 && item.decision === "none" && item.approvals ? ` · ${item.approvals} of ${needed} approvals` : "";
  $("state").textContent = NAMES[item.decision] + half + (item.newer_mask ? " · older mask" : "") + (item.earlier_reference ? " · earlier reference" : "");
  $("state").className = `state ${item.decision}`;
  $("rating").textContent = "★".repeat(item.rating);
  $("rating").setAttribute("aria-label", item.rating ? `${item.rating} of 5` : "not rated");
  const conflict = conflicts.get(item.output_id);
  $("conflict").hidden = !conflict;
  $("conflict").textContent = conflict ?? "";
}

// Decides on the picture that is shown; on a closed stack, on all of its pictures that no one has decided on otherwise.
function decide(change, status, stay = false) {
  if (!shown?.there) return;
  const item = shown, from = item.revision, before = stateOf(item), together = stack.together(change.decision === undefined);
  const decision = { uuid: newUuid(), output_id: item.output_id, revision: from, decision: item.decision, rating: item.rating, note: $("note").value.trim(), ...change };
  if (together.length > 1) Object.assign(decision, { path: "/api/reviews/stack", pictures: together.map(({ output_id, revision }) => ({ output_id, revision })) });
  const entries = together.map((one) => ({ output_id: one.output_id, from: one.revision, before: stateOf(one) }));
  for (const one of together) {
    apply(one, decision);
    conflicts.delete(one.output_id);
    lost.delete(one.output_id);
  }
  together.forEach((one, i) => { entries[i].revision = one.revision; });
  undone.push({ place, output_id: item.output_id, from, revision: item.revision, before, ...(entries.length > 1 ? { pictures: entries } : {}) });
  $("said").textContent = together.length > 1 ? `${status}, ${together.length} pictures` : status;
  outbox.put(decision);
  stack.draw();
  if (stay) return drawState(item);
  const further = stack.after();
  if (further) return look(further);
  show(following(place), { onward: true });
}
const stateOf = (item) => ({ decision: item.decision, rating: item.rating, waits: item.waits });

// Shows a picture of the open stack; null: the stack was closed, and its top is shown.
function look(member) {
  shown = member ?? queue.known(place);
  draw(shown);
}

const act = (id) => { if (loading && id !== "help") early.push(id); else does[id](); };

// Takes back the last decision, also one from before a reload; not if the picture was decided on again since.
async function undo() {
  const last = undone.pop();
  if (!last) { $("said").textContent = "nothing to undo"; return; }
  const entries = last.pictures ?? [{ output_id: last.output_id, from: last.from ?? last.revision - 1, revision: last.revision, before: last.before }];
  const members = (item) => entries.map((one) => stackOf(item).find((member) => member.output_id === one.output_id && member.revision === one.revision));
  let item;
  try {
    item = await itemAt(last.place);
    if (!members(item).every(Boolean)) { // what is known of it may be older than what was decided in another tab
      queue.forget(last.place);
      item = await itemAt(last.place);
    }
  } catch { undone.push(last); return toast("No connection; undo again once it is back."); }
  const found = members(item);
  if (!found.every(Boolean)) {
    undone.drop(last.output_id);
    $("said").textContent = "changed since";
    toast(`${found.length > 1 ? "A picture of that stack" : "That picture"} was decided on again since; nothing was undone.`);
    return show(last.place);
  }
  const [{ output_id, revision }] = found.filter((one) => one.output_id === last.output_id);
  const seen = found.map((one) => ({ output_id: one.output_id, revision: one.revision }));
  outbox.put({ uuid: newUuid(), output_id, revision, decision: last.before.decision, rating: last.before.rating, undo: true, ...(found.length > 1 ? { path: "/api/reviews/stack", pictures: seen } : {}) });
  found.forEach((one, i) => {
    one.revision += 1;
    Object.assign(one, entries[i].before);
    undone.renumber(one.output_id, entries[i].from, one.revision);
  });
  $("said").textContent = "undone";
  await show(last.place);
  if (found.length === 1 && place === last.place && found[0] !== item) stack.open(found[0]);
}

// The end: what was decided, what still waits, and whether the server has all of it.
const lost = new Set(); // outputs whose last decision here was not stored
async function summarise({ tally = true } = {}) {
  const unsent = outbox.size;
  $("stored").textContent = unsent ? `${unsent} ${unsent === 1 ? "decision is" : "decisions are"} still being sent.` : "";
  if (unsent && !tally) return; // with thousands unsent, a tally for each that arrives would keep the server busy
  let found;
  try { found = await (await fetch(`/api/queues/${root.dataset.queue}/progress`, { headers: { Accept: "application/json" } })).json(); } catch { found = null; }
  if (place < queue.total || !outbox.size !== !unsent) return; // there is a later one
  if (!unsent) $("stored").textContent = !found ? "No connection: whether everything is stored is not known." : lost.size ? `${lost.size} ${lost.size === 1 ? "decision was" : "decisions were"} not stored, because someone else had decided first.` : "Everything is stored.";
  if (!found) return setTimeout(summarise, 3000);
  $("tally").replaceChildren(...Object.entries(found.tally).filter(([, count]) => count).map(([decision, count]) => {
    const part = document.createElement("span"), number = document.createElement("b");
    number.textContent = count;
    part.append(number, ` ${NAMES[decision].toLowerCase()}`);
    return part;
  }));
  $("remaining").hidden = !found.waiting;
  $("remaining").href = `?at=${found.first}`;
  $("remaining").textContent = found.waiting === 1 ? "Decide on the one that waits" : `Decide on the ${found.waiting} that wait`;
}
outbox.addEventListener("change", () => { if (place >= queue.total) summarise({ tally: !outbox.size }); });

outbox.addEventListener("stored", ({ detail: { decision, reply } }) => {
  for (const state of reply.pictures ?? [{ output_id: decision.output_id, ...reply }]) {
    const item = queue.byOutput(state.output_id);
    if (!item || item.revision !== state.revision) continue;
    Object.assign(item, { decision: state.decision, rating: state.rating, approvals: state.approvals });
    if (item === shown) drawState(item);
  }
  stack.draw();
});
outbox.addEventListener("rejected", ({ detail: { decision, status, reply } }) => {
  const words = status === 409 ? `Someone else decided on ${decision.pictures ? "a picture of this stack" : "this picture"} first, so your decision was not stored. Review it again.` : `Not stored: ${reply.error ?? status}.`;
  conflicts.set(decision.output_id, words);
  lost.add(decision.output_id);
  for (const { output_id } of decision.pictures ?? [decision]) undone.drop(output_id);
  const at = queue.placeOf(decision.output_id);
  toast(`${words}${at === undefined ? "" : ` It is number ${at + 1}.`}`, 12);
  if (at !== undefined) { queue.forget(at); if (at === place) show(at); }
});

const rate = (stars) => () => decide({ rating: stars }, `rated ${stars}`, !movesOn.checked);
const does = {
  approve: () => decide({ decision: "approved" }, "approved"),
  reject: () => decide({ decision: "rejected" }, "rejected"),
  flag: () => decide({ decision: "flagged" }, "flagged"),
  unset: () => decide({ decision: "none", rating: 0 }, "unset"),
  rate1: rate(1), rate2: rate(2), rate3: rate(3), rate4: rate(4), rate5: rate(5),
  back: () => { if (!stack.step(-1) && place > 0) show(place - 1); },
  next: () => { if (!stack.step(1) && place < queue.total) show(place + 1); },
  stack: () => stack.toggle(),
  undo,
  hold: () => { $("held").hidden = !shown?.there || !$("held").hidden; },
  compare: () => { if (shown) location.href = `/compare?ids=${[shown.output_id, shown.sibling?.id ?? queue.known(place - 1)?.output_id ?? queue.known(place + 1)?.output_id].filter(Boolean).join(",")}`; },
  zoom: () => { zoom.next(); if (shown?.there) sharpen(shown); },
  lineage: () => { if (shown) location.href = `/outputs/${shown.output_id}`; },
  grid: () => { if (shown) location.href = `/subjects/${shown.subject_id}/grid`; },
  note: () => $("note").focus(),
  filter: () => { location.href = "/review"; },
  help: () => help.toggle(),
};
const reasons = [...document.querySelectorAll("[data-reason]")].map((button) => button.dataset.reason);
// A reason rejects; what was typed as a note follows it.
function rejectFor(reason) {
  const because = () => decide({ decision: "rejected", note: [reason, $("note").value.trim()].filter(Boolean).join(": ").slice(0, 2000) }, reason);
  if (loading) early.push(because); else because();
}
document.querySelectorAll("[data-reason]").forEach((button) => button.addEventListener("click", () => { rejectFor(button.dataset.reason); button.blur(); }));
$("note").addEventListener("keydown", (event) => { if (event.key === "Enter" || event.key === "Escape") { event.preventDefault(); $("note").blur(); } });
const PAN = { ArrowLeft: [-1, 0], ArrowRight: [1, 0], ArrowUp: [0, -1], ArrowDown: [0, 1] }; // with shift
const redraw = () => {
  drawButtons($("keys"), keymap, act);
  stack.key(keymap.on ? keyName(keymap.keyOf("stack")) : "");
};
const help = new Help($("help"), keymap, redraw);
redraw();

addEventListener("keydown", (event) => {
  if (event.ctrlKey || event.metaKey || event.altKey || $("help").open) return;
  if (event.target.matches("input, select, textarea, [contenteditable]")) return;
  if (event.shiftKey && PAN[event.key]) { event.preventDefault(); return zoom.step(...PAN[event.key]); }
  const reason = event.shiftKey && /^Digit([1-9])$/.exec(event.code);
  if (reason && keymap.on && reasons[reason[1] - 1]) { event.preventDefault(); if (!event.repeat) rejectFor(reasons[reason[1] - 1]); return; }
  const action = keymap.actionOf(event.key);
  if (!does[action?.id] || (!keymap.on && action.id !== "help")) return;
  if (event.key === " " && event.target.matches("button, a, summary")) event.target.blur();
  event.preventDefault();
  if (action.hold) { if (!event.repeat && shown?.there) $("held").hidden = false; return; }
  // holding a key down steps through pictures but never decides on more than one
  if (event.repeat && !["back", "next"].includes(action.id)) return;
  act(action.id);
});
addEventListener("keyup", (event) => { if (keymap.actionOf(event.key)?.hold) $("held").hidden = true; });
addEventListener("blur", () => { $("held").hidden = true; });
outbox.addEventListener("elsewhere", ({ detail: { decision } }) => { // decided in another tab
  for (const { output_id } of decision.pictures ?? [decision]) {
    const item = queue.byOutput(output_id);
    if (item && apply(item, decision) && item === shown) drawState(item);
  }
  stack.draw();
});
addEventListener("pageshow", (event) => { if (event.persisted) { queue.forgetAll(); show(place); } });
addEventListener("popstate", (event) => show(event.state?.at ?? 0));
$("main").focus({ preventScroll: true });
show(place);
root.dataset.actions = actionsOn("review").length;
