// What browsers leave out on pages that come over http from another machine, done by other means.

// A random UUID (version 4). getRandomValues is there on every page, randomUUID only where the connection is secure.
export function newUuid() {
  const bytes = crypto.getRandomValues(new Uint8Array(16));
  bytes[6] = (bytes[6] & 0x0f) | 0x40;
  bytes[8] = (bytes[8] & 0x3f) | 0x80;
  const hex = [...bytes].map((byte) => byte.toString(16).padStart(2, "0")).join("");
  return [hex.slice(0, 8), hex.slice(8, 12), hex.slice(12, 16), hex.slice(16, 20), hex.slice(20)].join("-");
}

// Do the work while no other tab does work of that name; without locks at once: it must be safe to do twice.
export function alone(name, work) {
  return navigator.locks ? navigator.locks.request(name, work) : work();
}
