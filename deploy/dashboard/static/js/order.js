// An order's form: checks what is written while it is written, and never leaves the page when something is wrong.
import { toast } from "./page.js";

const WAIT = 350, LONG = 100_000;
let timer, pending;

const form = () => document.getElementById("order");
const csrf = document.querySelector("meta[name=csrf]").content;

// Says what is wrong at each field, and what the model cannot read below the prompts.
function spread(summary) {
  for (const list of document.querySelectorAll("[data-wrong]")) list.replaceChildren();
  for (const field of document.querySelectorAll("#order [aria-invalid]")) field.removeAttribute("aria-invalid");
  for (const one of summary.querySelectorAll("[data-problems] li")) {
    if ("missing" in one.dataset) continue; // not written yet
    const list = document.querySelector(`[data-wrong="${CSS.escape(one.dataset.field)}"]`);
    if (!list) continue;
    const item = document.createElement("li");
    item.textContent = one.textContent[0].toUpperCase() + one.textContent.slice(1) + ".";
    list.append(item);
    document.querySelector(`#order [aria-describedby="${list.id}"]`)?.setAttribute("aria-invalid", "true");
  }
  const readings = document.getElementById("readings");
  const read = summary.querySelector("[data-readings]");
  if (readings && read) readings.innerHTML = read.innerHTML.trim();
  scenes(summary.querySelector("template[data-scenes]"));
}

// Shows a field for where each subject of a scene is, and a sketch of it. Nobody is interrupted in such a field, and what
// stands in one stays while its prompt is being edited and names no scene.
function scenes(fresh) {
  const shown = document.getElementById("scenes");
  if (!shown || !fresh) return;
  const next = fresh.content.cloneNode(true), number = (row) => row.querySelector("input[type=hidden]").name;
  if (shown.contains(document.activeElement)) {
    const sketches = [...next.querySelectorAll("svg")], old = [...shown.querySelectorAll("svg")];
    if (old.length === sketches.length) old.forEach((one, i) => one.replaceWith(sketches[i]));
    return;
  }
  const lines = document.querySelector("#order [name=together]").value.split("\n").filter((line) => line.trim()).length;
  const there = new Set([...next.querySelectorAll(".scene")].map(number));
  for (const row of shown.querySelectorAll(".scene")) {
    const placed = [...row.querySelectorAll("input:not([type=hidden])")].some((field) => field.value.trim());
    if (placed && !there.has(number(row)) && Number(number(row).split(".")[1]) < lines) next.prepend(row);
  }
  shown.replaceChildren(next);
}

function texts() {
  const sent = new FormData(form());
  for (const [name, value] of [...sent]) if (value instanceof File) sent.delete(name);
  return sent;
}

async function check() {
  pending?.abort();
  pending = new AbortController();
  const summary = document.getElementById("summary");
  summary.setAttribute("aria-busy", "true");
  try {
    const answer = await fetch(form().dataset.live, { method: "POST", body: new URLSearchParams(texts()), signal: pending.signal, headers: { "X-CSRF-Token": csrf, Accept: "text/html" } });
    if (!answer.ok) throw new Error(answer.status === 401 ? "You are logged out; log in in another tab, and go on here." : "The order could not be checked; it is checked again when you go on.");
    const confirmed = summary.querySelector("[name=confirm]")?.checked;
    summary.innerHTML = await answer.text();
    const confirm = summary.querySelector("[name=confirm]");
    if (confirm && confirmed) confirm.checked = true;
    spread(summary);
  } catch (error) {
    if (error.name !== "AbortError") toast(error instanceof TypeError ? "The server does not respond; what you wrote stays here." : error.message);
    else return;
  }
  summary.removeAttribute("aria-busy");
}

function soon(event) {
  if (event.target.type === "file" || event.target.name === "confirm" || event.target.name === "find") return;
  if (/^(new_(name|class_word|style|caption)|preset_|cron|timezone)/.test(event.target.name)) return;
  // of a long text it takes seconds: it is checked when somebody leaves the field
  if (event.type === "input" && (document.querySelector("#order [name=yaml]")?.value.length ?? 0) > LONG) return;
  clearTimeout(timer);
  timer = setTimeout(check, WAIT);
}

// Puts the form of an answer in the place of this one; files that were chosen and not yet sent on stay chosen.
function replace(html, used) {
  const fresh = new DOMParser().parseFromString(html, "text/html");
  const next = fresh.getElementById("order");
  if (!next) return false;
  const open = [...document.querySelectorAll("#order details")].map((one) => one.open);
  const place = document.activeElement?.name;
  for (const input of document.querySelectorAll("#order input[type=file]")) {
    if (input.files.length && !used.includes(input.name)) next.querySelector(`input[type=file][name="${input.name}"]`)?.replaceWith(input);
  }
  const same = next.querySelectorAll("details").length === open.length;
  if (same) next.querySelectorAll("details").forEach((one, i) => { one.open = one.open || open[i]; });
  document.querySelectorAll("main > .notice, main > .presets").forEach((one) => one.remove());
  for (const one of fresh.querySelectorAll("main > .notice, main > .presets")) form().before(document.adoptNode(one));
  form().replaceWith(document.adoptNode(next));
  begin();
  if (place) document.querySelector(`#order [name="${CSS.escape(place)}"]`)?.focus({ preventScroll: true });
  document.querySelector("#order .failed[role=alert], #order [aria-invalid=true]")?.scrollIntoView({ block: "center" });
  return true;
}

const FILES = { subject: ["new_reference", "new_mask"], poses: ["new_poses"], depth: ["new_depth"], feed: ["new_feed"] };

async function send(event) {
  event.preventDefault();
  clearTimeout(timer);
  pending?.abort();
  const button = event.submitter, action = button?.value ?? "check";
  const sent = new FormData(form());
  sent.set("do", action);
  // a file is sent with its own button alone, as it may be large
  for (const name of Object.values(FILES).flat()) if (!(FILES[action] ?? []).includes(name)) sent.delete(name);
  if (button) button.disabled = true;
  try {
    const answer = await fetch(form().action, { method: "POST", body: sent, headers: { "X-CSRF-Token": csrf, Accept: "text/html" } });
    if (answer.redirected && !answer.url.endsWith("/orders")) return location.assign(answer.url);
    const html = await answer.text();
    if (!replace(html, answer.ok ? FILES[action] ?? [] : [])) {
      const page = new DOMParser().parseFromString(html, "text/html");
      throw new Error(page.querySelector("main p")?.textContent || "The server could not handle the request; what you wrote stays here.");
    }
  } catch (error) {
    toast(error instanceof TypeError ? "The server does not respond; what you wrote stays here." : error.message, 10);
  }
  if (button?.isConnected) button.disabled = false;
}

function begin() {
  const here = form();
  here.dataset.ready = "";
  here.addEventListener("input", soon);
  here.addEventListener("change", soon);
  here.addEventListener("submit", send);
  window.htmx?.process(here);
}

begin();
// proposed once: a form that the server sends back has what somebody chose
const zone = form().querySelector("[data-timezone]");
if (zone?.value === "UTC") zone.value = Intl.DateTimeFormat().resolvedOptions().timeZone || "UTC";
