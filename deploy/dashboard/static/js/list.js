// The list that one came to a picture from, in the order in which it was shown; it is kept in this tab.
const KEY = "list", PART = 60;

// Remembers a list: the ids of its pictures, the address to go back to, and the query and position of what follows.
export function remember(list) {
  try { sessionStorage.setItem(KEY, JSON.stringify(list)); } catch { /* full: there is no previous and next */ }
}

// Returns {place, total, more, before, after, back} of a picture in the list; null if it is not in it.
export async function neighbours(id) {
  let list;
  try { list = JSON.parse(sessionStorage.getItem(KEY)); } catch { list = null; }
  const place = list?.ids?.indexOf(id) ?? -1;
  if (place < 0) return null;
  if (place === list.ids.length - 1 && list.next) await extend(list);
  return { place, total: list.ids.length, more: Boolean(list.next), before: list.ids[place - 1], after: list.ids[place + 1], back: list.back };
}

async function extend(list) {
  const answer = await fetch(`/api/outputs?${list.query}&after=${encodeURIComponent(list.next)}&limit=${PART}`, { headers: { Accept: "application/json" } }).catch(() => null);
  if (!answer?.ok) return;
  const found = await answer.json();
  list.ids.push(...found.outputs.map((one) => one.output_id));
  list.next = found.next ?? "";
  remember(list);
}
