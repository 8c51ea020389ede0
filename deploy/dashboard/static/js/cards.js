// Decides on pictures where they are shown, by the keys of the review, on the one that has the focus. Each is an element
// with data-output, data-revision, data-decision and data-rating; decisions go through the same outbox as a review's.
import { outbox, toast } from "./page.js";
import { newUuid } from "./insecure.js";
import { UndoStack } from "./undo_stack.js";

export const NAMES = { none: "Undecided", approved: "Approved", rejected: "Rejected", flagged: "Flagged" };
const undone = new UndoStack(document.querySelector("meta[name=user]").content, "cards");
const all = (output) => [...document.querySelectorAll(`[data-output="${output}"]`)];

// Returns the state of a card.
const stateOf = ({ dataset }) => ({ revision: Number(dataset.revision), decision: dataset.decision, rating: Number(dataset.rating) });

// Shows a state on every card of an output.
function show(output, { revision, decision, rating }) {
  for (const card of all(output)) {
    Object.assign(card.dataset, { revision, decision, rating });
    for (const dot of card.querySelectorAll(".dot")) {
      dot.className = `dot ${decision}`;
      dot.title = NAMES[decision];
      dot.querySelector(".sr").textContent = NAMES[decision];
    }
    for (const state of card.querySelectorAll(".state[data-state]")) { state.className = `state ${decision}`; state.textContent = NAMES[decision]; }
    for (const stars of card.querySelectorAll(".rating")) { stars.hidden = !rating; stars.textContent = "★".repeat(rating); stars.setAttribute("aria-label", `${rating} of 5`); }
  }
}

function say(text) { const said = document.getElementById("said"); if (said) said.textContent = text; }

// Decides on the output of a card; `change` is {decision} or {rating}.
export function decide(card, change) {
  const output = Number(card.dataset.output), before = stateOf(card);
  const decision = { uuid: newUuid(), output_id: output, revision: before.revision, decision: before.decision, rating: before.rating, note: "", ...change };
  show(output, { ...decision, revision: before.revision + 1 });
  undone.push({ output_id: output, from: before.revision, revision: before.revision + 1, before: { decision: before.decision, rating: before.rating } });
  outbox.put(decision);
  say(change.decision ? NAMES[change.decision] : `rated ${change.rating}`);
}

// Takes back the last decision on a card, also if it is shown no more.
export function undo() {
  const last = undone.pop();
  if (!last) return say("nothing to undo");
  const [card] = all(last.output_id);
  if (card && stateOf(card).revision !== last.revision) {
    undone.drop(last.output_id);
    return toast("That picture was decided on again since; nothing was undone.");
  }
  outbox.put({ uuid: newUuid(), output_id: last.output_id, revision: last.revision, ...last.before, undo: true });
  show(last.output_id, { ...last.before, revision: last.revision + 1 });
  undone.renumber(last.output_id, last.from, last.revision + 1);
  say("undone");
}

// What each key of a decision does to a card.
export const DECIDES = {
  approve: { decision: "approved" }, reject: { decision: "rejected" }, flag: { decision: "flagged" }, unset: { decision: "none", rating: 0 },
  rate1: { rating: 1 }, rate2: { rating: 2 }, rate3: { rating: 3 }, rate4: { rating: 4 }, rate5: { rating: 5 },
};

// Applies what is still in the outbox to cards that were shown since.
export function pending() {
  for (const one of outbox.waiting()) elsewhere(one);
}
function elsewhere(one) {
  const [card] = all(one.output_id);
  if (card && stateOf(card).revision === one.revision) show(one.output_id, { ...one, revision: one.revision + 1 });
}

outbox.addEventListener("elsewhere", ({ detail: { decision } }) => elsewhere(decision));
outbox.addEventListener("stored", ({ detail: { decision, reply } }) => {
  const [card] = all(decision.output_id);
  if (card && stateOf(card).revision === reply.revision) show(decision.output_id, reply);
});
outbox.addEventListener("rejected", async ({ detail: { decision, status, reply } }) => {
  undone.drop(decision.output_id);
  toast(status === 409 ? "Someone else decided on this picture first, so your decision was not stored. It is shown as it is now." : `Not stored: ${reply.error ?? status}.`, 12);
  const answer = await fetch(`/api/outputs/${decision.output_id}`, { headers: { Accept: "application/json" } }).catch(() => null);
  if (answer?.ok) show(decision.output_id, await answer.json());
});
