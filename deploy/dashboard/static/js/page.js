// What every page does: say errors of parts that were asked for, and send what the outbox still holds.
import { Outbox } from "./outbox.js";

export function toast(text, seconds = 6) {
  const shown = document.createElement("p");
  shown.className = "toast";
  shown.textContent = text;
  document.getElementById("toasts").append(shown);
  setTimeout(() => shown.remove(), seconds * 1000);
}

document.body.addEventListener("htmx:responseError", (event) => {
  const answer = event.detail.xhr;
  let said = "The server could not answer; try again.";
  try { said = JSON.parse(answer.responseText).error ?? said; } catch { /* it was a page */ }
  if (answer.status === 401) said = "You are logged out; reload the page to log in.";
  toast(said[0].toUpperCase() + said.slice(1));
});
document.body.addEventListener("htmx:sendError", () => toast("The server does not answer; try again in a moment."));

document.querySelector(".top nav [aria-current]")?.scrollIntoView({ inline: "center", block: "nearest" });

const user = Number(document.querySelector("meta[name=user]").content);
export const outbox = user ? new Outbox(user) : null;
if (outbox) {
  const shown = document.getElementById("outbox");
  outbox.addEventListener("change", () => {
    shown.hidden = outbox.size === 0 || (outbox.size < 20 && !outbox.trouble);
    shown.textContent = outbox.trouble ? `${outbox.size} unsent: ${outbox.trouble}` : `${outbox.size} being sent`;
  });
  outbox.send();
}
