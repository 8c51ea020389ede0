// The frozen queue: fetches items on demand and decodes the next pictures ahead of time.
import { stackOf } from "./stack.js";

const PART = 24, AHEAD = 8, BEHIND = 2;

export class Queue {
  #id; #items = new Map(); #requests = new Map(); #pictures = new Map();
  constructor(id, total) { this.#id = id; this.total = total; }

  // Returns the item at a place, or null if it no longer exists on the server. Rejects without a connection.
  async item(place) {
    if (!this.#items.has(place)) await this.#part(Math.floor(place / PART));
    return this.#items.get(place) ?? null;
  }
  known(place) { return this.#items.get(place) ?? null; }
  // Returns what is known of an output, on top of a place or in its stack.
  byOutput(id) { for (const item of this.#items.values()) { const one = item && stackOf(item).find((member) => member.output_id === id); if (one) return one; } return null; }
  placeOf(id) { for (const [place, item] of this.#items) if (item && stackOf(item).some((member) => member.output_id === id)) return place; return undefined; }
  forget(place) { const part = Math.floor(place / PART); this.#requests.delete(part); for (let i = part * PART; i < (part + 1) * PART; i++) this.#items.delete(i); }

  forgetAll() { this.#requests.clear(); this.#items.clear(); }

  #part(part) {
    if (!this.#requests.has(part)) {
      const request = fetch(`/api/queues/${this.#id}/items?start=${part * PART}&count=${PART}`, { headers: { Accept: "application/json" } })
        .then((answer) => { if (!answer.ok) throw new Error(String(answer.status)); return answer.json(); })
        .then((found) => found.items.forEach((item, i) => this.#items.set(found.start + i, item)))
        .catch((error) => { this.#requests.delete(part); throw error; });
      this.#requests.set(part, request);
    }
    return this.#requests.get(part);
  }

  // Fetches and decodes the next pictures, so that showing one takes a single frame.
  async ahead(place) {
    for (const old of this.#pictures.keys()) if (old < place - BEHIND || old > place + AHEAD) this.#pictures.delete(old);
    for (let i = place + 1; i <= Math.min(place + AHEAD, this.total - 1); i++) {
      try {
        const item = await this.item(i);
        if (!item?.there || this.#pictures.has(i)) continue;
        const picture = new Image();
        picture.src = item.preview;
        this.#pictures.set(i, picture);
        picture.decode().catch(() => this.#pictures.delete(i));
        new Image().src = item.reference;
      } catch { return; }
    }
  }
}
