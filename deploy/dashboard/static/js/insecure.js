// Replacements for APIs that browsers disable on pages served over http from another machine.

// Returns a random UUID (version 4). getRandomValues exists on every page, randomUUID only in secure contexts.
export function newUuid() {
  const bytes = crypto.getRandomValues(new Uint8Array(16));
  bytes[6] = (bytes[6] & 0x0f) | 0x40;
  bytes[8] = (bytes[8] & 0x3f) | 0x80;
  const hex = [...bytes].map((byte) => byte.toString(16).padStart(2, "0")).join("");
  return [hex.slice(0, 8), hex.slice(8, 12), hex.slice(12, 16), hex.slice(16, 20), hex.slice(20)].join("-");
}

// Runs the work while no other tab runs work of that name; without locks at once, so it must be idempotent.
export function alone(name, work) {
  return navigator.locks ? navigator.locks.request(name, work) : work();
}
