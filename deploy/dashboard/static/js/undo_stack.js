// The decisions of a queue that can be taken back, newest last. They are kept in this browser, so that undo works after
// a reload, and after Compare and Back. Each change reads what is kept anew: another tab may have decided since.
const MOST = 100, DAYS = 14;

export class UndoStack {
  #key;
  constructor(user, queue) {
    const prefix = `undo:${user}:`;
    this.#key = prefix + queue;
    for (const key of Object.keys(localStorage).filter((one) => one.startsWith(prefix))) {
      if (key !== this.#key && Date.now() - (read(key).at ?? 0) > DAYS * 86_400_000) localStorage.removeItem(key);
    }
  }

  push(entry) { this.#change((entries) => { entries.push(entry); }); }
  pop() { return this.#change((entries) => entries.pop()); }

  // Forgets the decisions on an output, alone or in a stack, which someone else has decided on since.
  drop(output) { this.#change((entries) => { entries.splice(0, entries.length, ...entries.filter((one) => !seenIn(one).some((seen) => seen.output_id === output))); }); }

  // Notes that an output is at another revision now, because the decision that followed `from` was taken back.
  renumber(output, from, to) { this.#change((entries) => { for (const one of entries.flatMap(seenIn)) if (one.output_id === output && one.revision === from) one.revision = to; }); }

  #change(change) {
    const entries = read(this.#key).entries ?? [], said = change(entries);
    try { localStorage.setItem(this.#key, JSON.stringify({ at: Date.now(), entries: entries.slice(-MOST) })); } catch { /* full: what follows cannot be undone */ }
    return said;
  }
}

// A decision on a stack names each of its pictures.
const seenIn = (entry) => [entry, ...(entry.pictures ?? [])];

function read(key) { try { return JSON.parse(localStorage.getItem(key)) ?? {}; } catch { return {}; } }
