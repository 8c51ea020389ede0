// A client's page: pictures open over the page, with the arrow keys to the next. Without this they open as files.
const pictures = [...document.querySelectorAll(".sheet a")];
const over = document.getElementById("over");
const [shown, place] = [over.querySelector("img"), over.querySelector("output")];
let at = 0;

function show(index) {
  at = (index + pictures.length) % pictures.length;
  shown.src = pictures[at].href;
  shown.alt = pictures[at].querySelector("img").alt;
  place.value = `${at + 1} of ${pictures.length}`;
}

pictures.forEach((one, index) => one.addEventListener("click", (event) => {
  if (event.ctrlKey || event.metaKey || event.shiftKey) return;
  event.preventDefault();
  show(index);
  over.showModal();
}));
over.addEventListener("click", (event) => {
  const step = { next: 1, before: -1 }[event.target.value];
  if (step) show(at + step);
  else if (event.target.value === "close" || event.target.localName === "figure") over.close();
});
over.addEventListener("close", () => pictures[at].focus());
over.addEventListener("keydown", (event) => {
  const step = { ArrowRight: 1, ArrowLeft: -1 }[event.key];
  if (step) { event.preventDefault(); show(at + step); }
});
