// Copies the text of the field beside a button, or what the button itself holds. Over plain http from another machine a
// browser has no clipboard for pages: the text is selected then, for the keys that copy.
document.addEventListener("click", async (event) => {
  const button = event.target.closest("[data-copy]");
  if (!button) return;
  const field = button.parentElement.querySelector("input, textarea");
  field.hidden = false;
  try {
    await navigator.clipboard.writeText(field.value);
    button.textContent = "Copied";
  } catch {
    field.focus();
    field.select();
    button.textContent = "Selected: copy it";
  }
});
