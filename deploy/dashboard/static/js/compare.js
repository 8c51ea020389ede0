// Zoom and pan are shared by all pictures; the keys of the review decide on the focused one.
import { pending } from "./cards.js";
import { listen } from "./focus_keys.js";

const panes = document.getElementById("panes");
if (panes) {
  const views = [...panes.querySelectorAll(".view")];
  let scale = 1, x = 0, y = 0, held = null, pinch = 0;
  const fingers = new Map();

  const draw = () => views.forEach((view) => { view.firstElementChild.style.transform = `translate(${x * view.clientWidth}px, ${y * view.clientHeight}px) scale(${scale})`; });
  const within = () => { const low = 1 - scale; x = Math.min(0, Math.max(low, x)); y = Math.min(0, Math.max(low, y)); };
  // (u, v) in 0..1 of a pane stays where it is.
  const zoom = (by, u = 0.5, v = 0.5) => {
    const to = Math.min(16, Math.max(1, scale * by));
    x = u - (u - x) * (to / scale); y = v - (v - y) * (to / scale); scale = to;
    within(); draw();
  };
  const move = (dx, dy) => { x += dx; y += dy; within(); draw(); };
  const whole = () => { scale = 1; x = y = 0; draw(); };

  for (const view of views) {
    view.addEventListener("wheel", (event) => {
      event.preventDefault();
      const box = view.getBoundingClientRect();
      zoom(Math.exp(-event.deltaY / 400), (event.clientX - box.left) / box.width, (event.clientY - box.top) / box.height);
    }, { passive: false });
    view.addEventListener("pointerdown", (event) => {
      view.parentElement.focus({ preventScroll: true });
      view.setPointerCapture(event.pointerId); fingers.set(event.pointerId, event); held = event; pinch = 0; });
    view.addEventListener("pointermove", (event) => {
      if (!fingers.has(event.pointerId)) return;
      fingers.set(event.pointerId, event);
      if (fingers.size === 2) {
        const [a, b] = fingers.values(), far = Math.hypot(a.clientX - b.clientX, a.clientY - b.clientY);
        if (pinch) zoom(far / pinch);
        pinch = far;
      } else if (held) {
        move((event.clientX - held.clientX) / view.clientWidth, (event.clientY - held.clientY) / view.clientHeight);
        held = event;
      }
    });
    const gone = (event) => { fingers.delete(event.pointerId); held = null; pinch = 0; };
    view.addEventListener("pointerup", gone);
    view.addEventListener("pointercancel", gone);
  }
  const does = { in: () => zoom(1.5), out: () => zoom(1 / 1.5), reset: whole };
  document.querySelectorAll("[data-zoom]").forEach((button) => button.addEventListener("click", () => does[button.dataset.zoom]()));
  panes.addEventListener("keydown", (event) => {
    const arrows = { ArrowLeft: () => move(0.1, 0), ArrowRight: () => move(-0.1, 0), ArrowUp: () => move(0, 0.1), ArrowDown: () => move(0, -0.1) };
    const keys = { "+": does.in, "=": does.in, "-": does.out, 0: whole, ...(event.shiftKey ? arrows : {}) };
    if (keys[event.key]) { keys[event.key](); event.preventDefault(); }
  });
  addEventListener("resize", draw);

  const slide = document.getElementById("slide"), slider = document.getElementById("slider");
  const part = () => { views[1].style.clipPath = slide.checked ? `inset(0 0 0 ${slider.value}%)` : ""; };
  slide?.addEventListener("change", () => {
    panes.classList.toggle("sliding", slide.checked);
    document.getElementById("slider-label").hidden = !slide.checked;
    part(); draw();
  });
  slider?.addEventListener("input", part);

  const square = document.getElementById("square"), KEY = "compare:square";
  const lay = () => { panes.classList.toggle("square", square.checked); draw(); };
  if (square) {
    square.checked = localStorage.getItem(KEY) === "yes";
    square.addEventListener("change", () => { localStorage.setItem(KEY, square.checked ? "yes" : "no"); lay(); });
    lay();
  }
  pending();
  listen("compare", () => [...panes.querySelectorAll(".pane")]);
  panes.querySelector(".pane").focus({ preventScroll: true });
}
