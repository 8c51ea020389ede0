// Paints a mask over the reference: strokes change alpha in a canvas of the reference's size; the page shows both.
for (const editor of document.querySelectorAll("[data-mask-editor]")) {
  editor.addEventListener("toggle", () => { if (editor.open && !editor.dataset.begun) { editor.dataset.begun = "yes"; begin(editor); } });
}

async function loaded(url) { const image = new Image(); image.src = url; await image.decode(); return image; }

async function begin(editor) {
  const { width, height } = { width: Number(editor.dataset.width), height: Number(editor.dataset.height) };
  const painter = editor.querySelector(".painter"), canvas = painter.querySelector("canvas");
  const mask = new OffscreenCanvas(width, height), ink = mask.getContext("2d", { willReadFrequently: true });
  const reference = await loaded(editor.dataset.reference);
  if (editor.dataset.mask) {
    ink.drawImage(await loaded(editor.dataset.mask), 0, 0, width, height);
    const pixels = ink.getImageData(0, 0, width, height);
    for (let i = 0; i < pixels.data.length; i += 4) { pixels.data[i + 3] = pixels.data[i]; pixels.data[i] = pixels.data[i + 1] = pixels.data[i + 2] = 255; }
    ink.putImageData(pixels, 0, 0);
  }
  canvas.width = width; canvas.height = height;
  const face = canvas.getContext("2d"), steps = [];
  painter.hidden = false;

  function draw() {
    face.globalCompositeOperation = "source-over";
    face.globalAlpha = 1; face.clearRect(0, 0, width, height); face.drawImage(mask, 0, 0);
    face.globalCompositeOperation = "source-in"; face.drawImage(reference, 0, 0, width, height);
    face.globalCompositeOperation = "destination-over"; face.globalAlpha = 0.25; face.drawImage(reference, 0, 0, width, height);
  }
  const at = (event) => { const box = canvas.getBoundingClientRect(); return [(event.clientX - box.left) * width / box.width, (event.clientY - box.top) * height / box.height]; };
  let last = null;
  canvas.addEventListener("pointerdown", (event) => {
    canvas.setPointerCapture(event.pointerId);
    steps.push(ink.getImageData(0, 0, width, height));
    if (steps.length > 20) steps.shift();
    last = at(event); stroke(last);
  });
  canvas.addEventListener("pointermove", (event) => { if (last) stroke(at(event)); });
  canvas.addEventListener("pointerup", () => { last = null; });
  function stroke(to) {
    const cut = painter.querySelector("[value=cut]").checked, size = Number(painter.querySelector("[name=size]").value) / 100;
    ink.globalCompositeOperation = cut ? "destination-out" : "source-over";
    ink.strokeStyle = "#fff"; ink.lineCap = "round"; ink.lineWidth = Math.max(1, size * Math.max(width, height));
    ink.beginPath(); ink.moveTo(...last); ink.lineTo(to[0] + 0.01, to[1]); ink.stroke();
    last = to; draw();
  }
  painter.querySelector("[data-undo]").addEventListener("click", () => { const before = steps.pop(); if (before) { ink.putImageData(before, 0, 0); draw(); } });
  painter.querySelector("[data-save]").addEventListener("click", async () => {
    const flat = new OffscreenCanvas(width, height), paper = flat.getContext("2d");
    paper.fillStyle = "#000"; paper.fillRect(0, 0, width, height); paper.drawImage(mask, 0, 0);
    const form = editor.querySelector("form"), file = form.querySelector("input[type=file]"), files = new DataTransfer();
    files.items.add(new File([await flat.convertToBlob({ type: "image/png" })], "mask.png", { type: "image/png" }));
    file.files = files.files;
    form.requestSubmit();
  });
  draw();
}
