// The frozen queue: its items as they are needed, and the next pictures decoded before one comes to them.
const PART = 24, AHEAD = 8, BEHIND = 2;

export class Queue {
  #id; #items = new Map(); #asked = new Map(); #pictures = new Map();
  constructor(id, total) { this.#id = id; this.total = total; }

  // The item at a place, or null where the server knows it no more. Rejects while there is no connection.
  async item(place) {
    if (!this.#items.has(place)) await this.#part(Math.floor(place / PART));
    return this.#items.get(place) ?? null;
  }
  known(place) { return this.#items.get(place) ?? null; }
  byOutput(id) { for (const one of this.#items.values()) if (one?.output_id === id) return one; return null; }
  forget(place) { const part = Math.floor(place / PART); this.#asked.delete(part); for (let i = part * PART; i < (part + 1) * PART; i++) this.#items.delete(i); }

  #part(part) {
    if (!this.#asked.has(part)) {
      const asked = fetch(`/api/queues/${this.#id}/items?start=${part * PART}&count=${PART}`, { headers: { Accept: "application/json" } })
        .then((answer) => { if (!answer.ok) throw new Error(String(answer.status)); return answer.json(); })
        .then((found) => found.items.forEach((item, i) => this.#items.set(found.start + i, item)))
        .catch((error) => { this.#asked.delete(part); throw error; });
      this.#asked.set(part, asked);
    }
    return this.#asked.get(part);
  }

  // Fetch and decode what comes next, so that showing it is a matter of a frame.
  async ahead(place) {
    for (const old of this.#pictures.keys()) if (old < place - BEHIND || old > place + AHEAD) this.#pictures.delete(old);
    for (let i = place + 1; i <= Math.min(place + AHEAD, this.total - 1); i++) {
      try {
        const item = await this.item(i);
        if (!item?.there || this.#pictures.has(i)) continue;
        const picture = new Image();
        picture.src = item.picture;
        this.#pictures.set(i, picture);
        picture.decode().catch(() => this.#pictures.delete(i));
        new Image().src = item.reference;
      } catch { return; }
    }
  }
}
