// Runs on every page: shows errors of htmx requests and sends what is still in the outbox.
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
  let message = "The server could not handle the request; try again.";
  try { message = JSON.parse(answer.responseText).error ?? message; } catch { /* it was a page */ }
  if (answer.status === 401) message = "You are logged out; reload the page to log in.";
  toast(message[0].toUpperCase() + message.slice(1));
});
document.body.addEventListener("htmx:sendError", () => toast("The server does not respond; try again in a moment."));

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
