// Updates Home live: by server-sent events, or by polling where these are not available.
const live = document.getElementById("live");
const EVERY = 10000;
let failures = 0, timer = 0;

function put(html) {
  const active = live.contains(document.activeElement) ? document.activeElement.textContent : null;
  live.replaceChildren(...new DOMParser().parseFromString(html, "text/html").body.childNodes);
  if (active) [...live.querySelectorAll("a, button")].find((one) => one.textContent === active)?.focus();
}
function listen() {
  const source = new EventSource(live.dataset.stream);
  source.addEventListener("runs", (event) => { failures = 0; put(JSON.parse(event.data)); });
  source.addEventListener("error", () => {
    failures += 1;
    if (failures > 3 || source.readyState === EventSource.CLOSED) { source.close(); poll(); }
  });
}
async function poll() {
  clearTimeout(timer);
  const answer = await fetch(live.dataset.poll, { headers: { Accept: "text/html" } }).catch(() => null);
  if (answer?.ok) put(await answer.text());
  timer = setTimeout(poll, EVERY);
}
if ("EventSource" in window) listen(); else poll();
