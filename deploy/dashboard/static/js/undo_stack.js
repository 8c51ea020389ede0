// The decisions of a queue that can be taken back, newest last. They are kept in this browser, so that undo works after
// a reload, and after Compare and Back.
const MOST = 100, DAYS = 14;

export class UndoStack {
  #key; #entries;
  constructor(user, queue) {
    const prefix = `undo:${user}:`;
    this.#key = prefix + queue;
    for (const key of Object.keys(localStorage).filter((one) => one.startsWith(prefix))) {
      const kept = read(key);
      if (key !== this.#key && Date.now() - (kept.at ?? 0) > DAYS * 86_400_000) localStorage.removeItem(key);
    }
    this.#entries = read(this.#key).entries ?? [];
  }

  push(entry) { this.#entries.push(entry); this.#save(); }
  pop() { const last = this.#entries.pop(); this.#save(); return last; }

  // Forgets the decisions on an output, which someone else has decided on since.
  drop(output) { this.#entries = this.#entries.filter((one) => one.output_id !== output); this.#save(); }

  // Notes that an output is at another revision now, because a later decision on it was taken back.
  renumber(output, revision) {
    for (const one of this.#entries) if (one.output_id === output) one.revision = revision;
    this.#save();
  }

  #save() {
    this.#entries = this.#entries.slice(-MOST);
    try { localStorage.setItem(this.#key, JSON.stringify({ at: Date.now(), entries: this.#entries })); } catch { /* full: undo works until a reload */ }
  }
}

function read(key) { try { return JSON.parse(localStorage.getItem(key)) ?? {}; } catch { return {}; } }
