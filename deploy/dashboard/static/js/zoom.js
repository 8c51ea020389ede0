// Shows a picture fitted into its view, or at 100 or 200 % of the screen's own pixels. The part that one looks at, as
// the point (u, v) in 0..1 in the middle of the view, stays from picture to picture.
const LEVELS = [0, 1, 2]; // screen pixels to a pixel of the picture; 0: fitted
const LINES = [1, 16, 400]; // pixels to what a wheel counts in: pixels, lines, pages
const STEP = 0.2; // of the view, by a key

export class Zoom {
  #view; #images; #said; #level = 0; #u = 0.5; #v = 0.5; #held = null;
  constructor(view, images, said) {
    this.#view = view; this.#images = images; this.#said = said;
    for (const image of images) image.addEventListener("load", () => this.draw());
    view.addEventListener("wheel", (event) => { if (this.#level) { event.preventDefault(); this.#move(event.deltaX * LINES[event.deltaMode], event.deltaY * LINES[event.deltaMode]); } }, { passive: false });
    view.addEventListener("pointerdown", (event) => { if (this.#level && event.button === 0) { event.preventDefault(); view.setPointerCapture(event.pointerId); this.#held = event; } });
    view.addEventListener("pointermove", (event) => {
      if (!this.#held) return;
      this.#move(this.#held.clientX - event.clientX, this.#held.clientY - event.clientY);
      this.#held = event;
    });
    for (const end of ["pointerup", "pointercancel"]) view.addEventListener(end, () => { this.#held = null; });
    new ResizeObserver(() => this.draw()).observe(view);
  }

  // Whether the pixels can be told apart.
  get close() { return this.#level > 0; }

  // Goes on to the next level.
  next() { this.#level = LEVELS[(LEVELS.indexOf(this.#level) + 1) % LEVELS.length]; this.draw(); }

  // Moves the view by parts of itself: (1, 0) is to the right.
  step(dx, dy) { this.#move(dx * STEP * this.#view.clientWidth, dy * STEP * this.#view.clientHeight); }

  draw() {
    this.#view.classList.toggle("zoomed", this.#level > 0);
    this.#view.classList.toggle("pixels", this.#level > 1);
    this.#said.textContent = this.#level ? `${100 * this.#level} %` : "";
    for (const image of this.#images) {
      const [width, height] = this.#size(image);
      const placed = this.#level > 0 && width > 0;
      image.style.width = placed ? `${width}px` : "";
      image.style.height = placed ? `${height}px` : "";
      image.style.left = placed ? `${offset(this.#view.clientWidth, width, this.#u)}px` : "";
      image.style.top = placed ? `${offset(this.#view.clientHeight, height, this.#v)}px` : "";
    }
  }

  #size(image) { const by = this.#level / devicePixelRatio; return [image.naturalWidth * by, image.naturalHeight * by]; }
  #move(dx, dy) {
    const [width, height] = this.#size(this.#images[0]);
    if (!this.#level || !width) return;
    this.#u = within(this.#view.clientWidth, width, this.#u + dx / width);
    this.#v = within(this.#view.clientHeight, height, this.#v + dy / height);
    this.draw();
  }
}

// Where a side of `length` begins in a view, so that its point `at` is in the middle and no edge comes into the view.
function offset(view, length, at) { return view / 2 - within(view, length, at) * length; }
function within(view, length, at) { const half = Math.min(0.5, view / 2 / length); return Math.min(1 - half, Math.max(half, at)); }
