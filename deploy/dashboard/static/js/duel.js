// Two pictures at a time: the preferred one stays and meets the next, or pairs of two runs meet blind, in random order.
import { decide } from "./cards.js";
import { listen } from "./focus_keys.js";
import { newUuid } from "./insecure.js";
import { outbox } from "./page.js";

const { pictures, pairs, runs } = JSON.parse(document.getElementById("given").textContent);
const $ = (id) => document.getElementById(id), blind = runs.length > 0;
const sides = [...document.querySelectorAll(".side")];
const chance = () => crypto.getRandomValues(new Uint32Array(1))[0] / 2 ** 32;
const shuffled = (list) => list.map((one) => [chance(), one]).sort(([a], [b]) => a - b).map(([, one]) => one);
const meetings = blind ? shuffled(pairs) : [];
let turn = 0, best = pictures[0], next = 1, shown = null, streak = 0;
const out = []; // the pictures that lost, the last one first

function show() {
  const pair = blind ? meetings[turn] : pictures[next] && [best, pictures[next]];
  if (!pair) return finish();
  shown = blind && chance() < 0.5 ? [pair[1], pair[0]] : pair;
  $("duel").hidden = false;
  $("result").hidden = true;
  sides.forEach((side, i) => { const image = side.firstElementChild; image.src = `/pictures/${shown[i].image_sha256}`; image.alt = `${i ? "Right" : "Left"}: ${shown[i].prompt}`; });
  $("reference").src = `/pictures/${shown[0].reference_sha256}`;
  $("reference").alt = `Reference of ${shown[0].subject}`;
  sides.forEach((side, i) => { side.lastElementChild.textContent = blind ? "" : `${shown[i].prompt}, seed ${shown[i].seed}`; });
  $("asked").textContent = blind ? shown[0].prompt : "";
  $("place").textContent = blind ? `pair ${turn + 1} of ${meetings.length}` : `${next} of ${pictures.length - 1}${streak > 1 ? `, the left one won ${streak}` : ""}`;
  for (const later of (blind ? meetings[turn + 1] : [pictures[next + 1]]) ?? []) if (later) new Image().src = `/pictures/${later.image_sha256}`;
}

function prefer(side, tie = false) {
  if (!shown || $("duel").hidden) return;
  const winner = shown[side], loser = shown[1 - side];
  outbox.put({ path: "/api/votes", uuid: newUuid(), winner_id: winner.output_id, loser_id: loser.output_id, tie, blind });
  if (blind) turn += 1; else { out.unshift(loser); streak = winner === best ? streak + 1 : 1; best = winner; next += 1; }
  $("said").textContent = tie ? "neither" : side ? "right" : "left";
  show();
}

const line = (...parts) => { const row = document.createElement("p"); row.className = "row"; row.append(...parts); return row; };
const said = (text, name = "span") => Object.assign(document.createElement(name), { textContent: text });

async function finish() {
  shown = null;
  $("duel").hidden = true;
  $("result").hidden = false;
  if (blind) return tallied();
  const card = document.createElement("figure"), image = new Image();
  card.className = "pane";
  Object.assign(card.dataset, { output: best.output_id, revision: best.revision, decision: best.decision, rating: best.rating });
  image.src = `/pictures/${best.image_sha256}`;
  image.alt = `The winner: ${best.prompt}, seed ${best.seed}`;
  const link = Object.assign(document.createElement("a"), { href: `/outputs/${best.output_id}`, textContent: `${best.subject}, seed ${best.seed}` });
  const approve = Object.assign(document.createElement("button"), { type: "button", className: "primary", textContent: "Approve it" });
  approve.addEventListener("click", () => { decide(card, { decision: "approved" }); approve.disabled = true; approve.textContent = "Approved"; });
  const reject = Object.assign(document.createElement("button"), { type: "button", textContent: `Reject the other ${out.length}` });
  reject.addEventListener("click", () => {
    for (const one of out) outbox.put({ uuid: newUuid(), output_id: one.output_id, revision: one.revision, decision: "rejected", rating: one.rating, note: "" });
    reject.disabled = true;
    reject.textContent = "Rejected";
  });
  card.append(image);
  $("result").replaceChildren(said("It stayed to the end.", "h2"), card, line(link), line(approve, reject));
}

async function tallied() {
  const left = turn < meetings.length, on = Object.assign(document.createElement("button"), { type: "button", className: "quiet", textContent: "Go on" });
  on.hidden = !left;
  on.addEventListener("click", show);
  $("said").textContent = "";
  $("finish").hidden = !left;
  $("question").hidden = !left;
  // a tally without them would be a wrong one; it is shown when the last one has arrived
  if (outbox.size) return $("result").replaceChildren(line(said(`${outbox.size === 1 ? "One vote is" : `${outbox.size} votes are`} being sent; the tally follows.`), on));
  const query = new URLSearchParams({ first: runs[0].id, second: runs[1].id });
  const answer = await fetch(`/api/compare/tally?${query}`, { headers: { Accept: "application/json" } }).catch(() => null);
  if (!answer?.ok) return $("result").replaceChildren(said("No connection; the tally is shown once it is back.", "p"));
  const found = await answer.json();
  const table = document.createElement("table"), head = document.createElement("tr");
  head.append(...["", ...runs.map((run) => run.name), "neither", "p"].map((text) => Object.assign(document.createElement("th"), { textContent: text, scope: "col" })));
  table.append(head, ...[["you", found.mine], ["everyone", found.all]].map(([who, one]) => {
    const row = document.createElement("tr");
    row.append(Object.assign(document.createElement("th"), { textContent: who, scope: "row" }), ...[one.first, one.second, one.ties, one.p < 0.001 ? "< 0.001" : one.p.toFixed(3)].map((text) => said(String(text), "td")));
    return row;
  }));
  const hint = said("p: how probable it is that chance alone makes a difference as large as this one (sign test, without ties).", "p");
  hint.className = "hint";
  $("result").replaceChildren(said("Preferred", "h2"), table, hint, line(on));
}
outbox.addEventListener("change", () => { if (blind && !$("result").hidden) tallied(); });
$("finish")?.addEventListener("click", finish);
sides.forEach((side, i) => side.addEventListener("click", () => prefer(i)));
document.querySelector("[data-tie]").addEventListener("click", () => prefer(0, true));
listen("duel", () => [], { back: () => prefer(0), next: () => prefer(1), tie: () => prefer(0, true) });
show();
