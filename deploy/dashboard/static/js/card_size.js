// The size of the gallery's cards. The number of columns divides a part's 60 pictures, so that no part ends in a hole.
const COLUMNS = [1, 2, 3, 4, 5, 6, 10, 12, 15], WIDTHS = [110, 140, 180, 250, 350, 560], KEY = "gallery:size";

// Fits the cards into the gallery, as the slider says; it is kept in this browser.
export function fit(gallery, slider) {
  const kept = localStorage.getItem(KEY);
  if (kept !== null) slider.value = kept;
  const draw = () => {
    const wanted = Math.max(1, Math.round(gallery.clientWidth / WIDTHS[slider.value]));
    const columns = Math.max(gallery.clientWidth < 560 && slider.value < 4 ? 2 : 1, ...COLUMNS.filter((one) => one <= wanted));
    document.documentElement.style.setProperty("--columns", columns); // not on the gallery, whose attributes htmx copies
    gallery.classList.toggle("small", gallery.clientWidth / columns < 130);
  };
  slider.addEventListener("input", () => { localStorage.setItem(KEY, slider.value); draw(); });
  new ResizeObserver(draw).observe(gallery);
  draw();
}
