"""Contact sheets of the pocket model: generated images, previews of a training, and rendered images."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from PIL import Image
from torch import Tensor

from dreamtuner.evaluation.base_model import HeldOutSet, Measurement

SHOWN = 48
COLUMNS = 12


def grid(images: Sequence[Image.Image], columns: int, zoom: int) -> Image.Image:
    """Arrange images of one size row by row, each enlarged ``zoom`` times without smoothing."""
    rows, side = -(-len(images) // columns), images[0].width * zoom
    sheet = Image.new("RGB", (columns * side, rows * side), "white")
    for i, image in enumerate(images):
        sheet.paste(image.resize((side, side), Image.Resampling.NEAREST), (i % columns * side, i // columns * side))
    return sheet


def write_sheets(measured: Measurement, folder: Path) -> None:
    """Write sheets of the first generated images (prompt.png, depth.png, pose.png) and their renderings (asked.png)."""
    folder.mkdir(parents=True, exist_ok=True)
    for name, pictures in measured.pictures.items():
        grid(pictures[:SHOWN], COLUMNS, 2).save(folder / f"{name}.png")
    grid(_pictures(measured.requested.drawn.image[:SHOWN]), COLUMNS, 2).save(folder / "asked.png")


def world_sheet(requested: HeldOutSet) -> Image.Image:
    """Arrange rendered images in columns: the image, its mask, its depth and its skeleton."""
    drawn = requested.drawn
    layers = (drawn.image, drawn.mask.expand(-1, 3, -1, -1), drawn.depth.expand(-1, 3, -1, -1), drawn.pose)
    return grid([picture for layer in layers for picture in _pictures(layer[:COLUMNS])], len(drawn.image[:COLUMNS]), 2)


def _pictures(x: Tensor) -> list[Image.Image]:
    """Convert (N, 3, H, W) in 0..1 to RGB images."""
    return [Image.fromarray(p) for p in (x.permute(0, 2, 3, 1) * 255).round().byte().numpy()]


def join_previews(folder: Path, out: Path, rows: int = 6) -> list[int]:
    """Join evenly spaced previews of a training, one row each; return their steps."""
    found = sorted(folder.glob("preview-*.png"))
    if not found:
        return []
    chosen = [
        found[round(i * (len(found) - 1) / max(1, min(rows, len(found)) - 1))] for i in range(min(rows, len(found)))
    ]
    pictures = [Image.open(path) for path in chosen]
    sheet = Image.new("RGB", (2 * pictures[0].width, 2 * sum(p.height for p in pictures)))
    for i, picture in enumerate(pictures):
        sheet.paste(picture.resize((2 * picture.width, 2 * picture.height), Image.Resampling.NEAREST), (0, 128 * i))
    sheet.save(out)
    return [int(path.stem.removeprefix("preview-")) for path in chosen]
