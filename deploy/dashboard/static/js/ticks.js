// The ticks of the gallery: one by one, or with Shift all from the last one ticked; and the bar of what is done with them.
import { toast } from "./page.js";

const COMPARED = 4, MOST = 1000;

export class Ticks {
  #bar; #gallery; #decide; #chosen = new Set(); #last = null;

  // `gallery` returns the element that holds the cards; `decide(output, change)` returns whether the card is loaded.
  constructor(bar, gallery, decide) {
    this.#bar = bar; this.#gallery = gallery; this.#decide = decide;
    let shift = false;
    document.addEventListener("click", (event) => { shift = event.shiftKey; }, true);
    document.addEventListener("change", (event) => { if (event.target.matches(".pick input")) this.#set(Number(event.target.value), event.target.checked, shift); });
    bar.addEventListener("click", (event) => {
      if (event.target.matches("[data-clear]")) this.clear();
      if (event.target.matches("[data-to]")) this.#decideAll(event.target.dataset.to);
    });
    bar.querySelector("form")?.addEventListener("submit", (event) => { event.preventDefault(); this.#label(event.target, event.submitter.value); });
  }

  toggle(output, through) { this.#set(output, !this.#chosen.has(output), through); }
  clear() { this.#chosen.clear(); this.#last = null; this.mark(this.#gallery()); this.#show(); }
  mark(part) { part.querySelectorAll(".pick input").forEach((box) => { box.checked = this.#chosen.has(Number(box.value)); }); }

  #set(output, on, through) {
    const cards = [...this.#gallery().querySelectorAll(".card-picture")].map((card) => Number(card.dataset.output));
    const [from, to] = [cards.indexOf(this.#last), cards.indexOf(output)].sort((a, b) => a - b);
    for (const one of through && from >= 0 ? cards.slice(from, to + 1) : [output]) {
      if (!on) this.#chosen.delete(one); else if (this.#chosen.size < MOST) this.#chosen.add(one);
    }
    this.#last = output;
    this.mark(this.#gallery());
    this.#show();
  }

  #show() {
    const ids = [...this.#chosen], compare = this.#bar.querySelector("[data-compare]"), duel = this.#bar.querySelector("[data-duel]");
    this.#bar.hidden = ids.length === 0;
    this.#bar.querySelector("[data-count]").textContent = ids.length;
    compare.href = `/compare?ids=${ids.join(",")}`;
    compare.hidden = ids.length < 2 || ids.length > COMPARED;
    duel.href = `/compare/duel?ids=${ids.join(",")}`;
    duel.hidden = ids.length < 3 || ids.length > 60;
  }

  #decideAll(decision) {
    const away = [...this.#chosen].filter((output) => !this.#decide(output, { decision, ...(decision === "none" ? { rating: 0 } : {}) }));
    if (away.length) toast(`${away.length} of the ticked pictures are far from here and not loaded; scroll to them and decide again.`);
    this.#chosen = new Set(away);
    this.mark(this.#gallery());
    this.#show();
  }

  async #label(form, kind) {
    const body = new URLSearchParams({ kind, name: form.elements.name.value, ids: [...this.#chosen].join(",") });
    const headers = { Accept: "application/json", "X-CSRF-Token": document.querySelector("meta[name=csrf]").content };
    const answer = await fetch("/labels", { method: "POST", body, headers }).catch(() => null);
    const reply = await answer?.json().catch(() => ({}));
    if (!answer?.ok) return toast(reply?.error ?? "No connection; nothing was stored. Try again.");
    toast(`${reply.changed} ${reply.changed === 1 ? "picture" : "pictures"} ${kind === "tag" ? "tagged" : "added to"} ${reply.name}.`);
    this.clear();
  }
}
