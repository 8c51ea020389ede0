// Outbox of decisions. Each is stored in localStorage from the key press until the server acknowledges it, so a reload,
// a crash or a lost connection loses nothing; a UUID makes repeated sends idempotent. With several tabs only one sends,
// if the browser supports locks: over plain http from another machine it does not, and each tab sends its own.
// What is in localStorage is also kept in memory, so that a key press costs the same whether one waits or thousands.
import { alone } from "./insecure.js";

const FIRST = 500, LONGEST = 15000;

export class Outbox extends EventTarget {
  #user; #prefix; #sending = false; #pause = FIRST; #timer = 0; #count = 0;
  #waiting = new Map(); // the decisions by their keys, in the order in which they were made
  trouble = "";

  constructor(user) {
    super();
    this.#user = user;
    this.#prefix = `outbox:${user}:`;
    this.#read();
    addEventListener("online", () => this.#retryNow());
    addEventListener("pageshow", (event) => { if (event.persisted) { this.#read(); this.#changed(); } });
    addEventListener("storage", (event) => { // another tab decided, or sent
      if (event.key === null) this.#read();
      else if (!event.key.startsWith(this.#prefix)) return;
      const decision = event.newValue && JSON.parse(event.newValue);
      if (decision) {
        this.#waiting = new Map([...this.#waiting, [event.key, decision]].sort(([one], [other]) => (one < other ? -1 : 1)));
        this.#emit("elsewhere", { decision });
      } else this.#waiting.delete(event.key);
      this.#changed();
    });
  }

  get size() { return this.#waiting.size; }

  // Returns the pending decisions, in the order in which they were made.
  waiting() { return [...this.#waiting.values()]; }

  put(decision) {
    const place = `${String(Date.now()).padStart(15, "0")}.${String(this.#count++).padStart(6, "0")}`;
    const key = `${this.#prefix}${place}:${decision.uuid}`;
    localStorage.setItem(key, JSON.stringify(decision));
    this.#waiting.set(key, decision);
    this.#changed();
    this.send();
  }

  async send() {
    if (this.#sending) return;
    this.#sending = true;
    try {
      await alone(`outbox:${this.#user}`, () => this.#drain());
    } finally {
      this.#sending = false;
    }
    if (this.size && !this.#timer) this.#later();
  }

  async #drain() {
    while (this.size) {
      const [[key, decision]] = this.#waiting;
      if (localStorage.getItem(key) === null) { this.#waiting.delete(key); continue; } // another tab sent it just now
      const { path = "/api/reviews", ...sent } = decision; // a vote between two pictures has a path of its own
      let answer;
      try {
        answer = await fetch(path, {
          method: "POST",
          headers: { "Content-Type": "application/json", Accept: "application/json", "X-CSRF-Token": csrf() },
          body: JSON.stringify(sent),
        });
      } catch {
        return this.#failed("no connection, retrying");
      }
      if (answer.status === 401) return this.#failed("you are logged out; log in again in another tab");
      if (answer.status === 403 && await this.#renewed()) continue;
      if (answer.status === 403 || answer.status === 429 || answer.status >= 500) return this.#failed("the server is not accepting requests, retrying");
      this.#remove(key);
      this.trouble = "";
      this.#pause = FIRST;
      const reply = await answer.json().catch(() => ({}));
      if (answer.ok) this.#emit("stored", { decision, reply });
      else this.#rejected(decision, answer.status, reply);
      this.#changed();
    }
  }

  // Drops a rejected decision together with later ones on the same output, which depend on it, and reports them all.
  #rejected(decision, status, reply) {
    const lost = [decision];
    for (const [key, later] of this.#waiting) {
      if (decision.output_id !== undefined && later.output_id === decision.output_id) { this.#remove(key); lost.push(later); }
    }
    this.#emit("rejected", { decision, status, reply, lost });
  }

  // Fetches a new form token if the page's token belongs to a session that ended and the user has logged in again.
  async #renewed() {
    const before = csrf();
    const answer = await fetch("/api/me", { headers: { Accept: "application/json" } }).catch(() => null);
    if (!answer?.ok) return false;
    document.querySelector("meta[name=csrf]").content = (await answer.json()).csrf;
    return csrf() !== before;
  }

  #failed(trouble) { this.trouble = trouble; this.#changed(); this.#later(); }
  #later() {
    clearTimeout(this.#timer);
    this.#timer = setTimeout(() => { this.#timer = 0; this.send(); }, this.#pause);
    this.#pause = Math.min(this.#pause * 2, LONGEST);
  }
  #retryNow() { clearTimeout(this.#timer); this.#timer = 0; this.#pause = FIRST; this.send(); }
  #remove(key) { localStorage.removeItem(key); this.#waiting.delete(key); }
  #read() {
    const keys = Object.keys(localStorage).filter((key) => key.startsWith(this.#prefix)).sort();
    this.#waiting = new Map(keys.map((key) => [key, JSON.parse(localStorage.getItem(key))]).filter(([, decision]) => decision));
  }
  #changed() { this.#emit("change", {}); }
  #emit(name, detail) { this.dispatchEvent(new CustomEvent(name, { detail })); }
}

function csrf() { return document.querySelector("meta[name=csrf]").content; }
