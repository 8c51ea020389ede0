// A stack of near-duplicates at one place of the queue. Closed, its top is shown and one decision is for all of it; open,
// its pictures are shown one by one and each is decided alone.
export const stackOf = (item) => (item ? [item, ...(item.stack ?? [])] : []);
const NAMES = { none: "undecided", approved: "approved", rejected: "rejected", flagged: "flagged" };

export class Stack {
  #box; #look; #item = null; #members = []; #at = null;
  constructor(box, look) {
    this.#box = box;
    this.#look = look;
    box.querySelector("[data-stack-toggle]").addEventListener("click", (event) => { this.toggle(); event.currentTarget.blur(); });
  }

  // The name of the key that opens and closes it.
  key(name) {
    const toggle = this.#box.querySelector("[data-stack-toggle]");
    toggle.querySelector("kbd").textContent = name;
    if (name) toggle.setAttribute("aria-keyshortcuts", name); else toggle.removeAttribute("aria-keyshortcuts");
  }

  // The item of another place, closed; null: none.
  show(item) {
    this.#item = item;
    this.#members = item?.stack?.length ? stackOf(item) : [];
    this.#at = null;
    this.#box.hidden = !this.#members.length;
    this.draw();
  }

  toggle() {
    if (!this.#members.length) return;
    this.#go(this.#at === null ? 0 : null);
  }
  open(member) { this.#go(Math.max(this.#members.indexOf(member), 0)); }

  // Steps to another picture of the open stack. False: it is closed or at its end, and the queue goes on.
  step(by) {
    const to = this.#at === null ? -1 : this.#at + by;
    if (this.#at === null || to < 0 || to >= this.#members.length) return false;
    this.#go(to);
    return true;
  }

  // The pictures that a decision is for: of a closed stack those that no one decided on otherwise than its top. What only
  // rates leaves the decisions as they are, and so is for those that are decided like the top.
  together(rating) {
    if (!this.#members.length) return this.#item ? [this.#item] : [];
    if (this.#at !== null) return [this.#members[this.#at]];
    const [top] = this.#members;
    return this.#members.filter((one) => one.there && (one.decision === top.decision || (!rating && one.decision === "none")));
  }

  // The next picture of the open stack after a decision; null: the queue goes on.
  after() {
    if (this.#at === null || this.#at + 1 >= this.#members.length) return null;
    this.#at += 1;
    this.draw();
    return this.#members[this.#at];
  }

  #go(at) {
    this.#at = at;
    this.draw();
    this.#look(at === null ? null : this.#members[at]);
  }

  draw() {
    if (!this.#members.length) return;
    const open = this.#at !== null, count = this.#members.length;
    this.#box.classList.toggle("open", open);
    this.#box.querySelector("[data-stack-said]").textContent = open ? `Picture ${this.#at + 1} of a stack of ${count}: decided alone` : `Stack of ${count} near-duplicates: one decision for all`;
    const toggle = this.#box.querySelector("[data-stack-toggle]");
    toggle.setAttribute("aria-expanded", String(open));
    toggle.firstChild.textContent = open ? "Close" : "Open";
    this.#box.querySelector("ul").replaceChildren(...this.#members.map((one, i) => this.#thumb(one, i)));
  }

  #thumb(one, i) {
    const entry = document.createElement("li"), button = document.createElement("button"), image = document.createElement("img");
    button.type = "button";
    button.className = `state ${one.decision}`;
    button.setAttribute("aria-label", `Picture ${i + 1} of the stack, seed ${one.seed}, ${NAMES[one.decision]}`);
    if (this.#at === i) button.setAttribute("aria-current", "true");
    image.src = one.thumb;
    image.alt = "";
    button.append(image);
    button.addEventListener("click", () => { this.#go(i); button.blur(); });
    entry.append(button);
    return entry;
  }
}
