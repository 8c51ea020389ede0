"""The subjects of examples/: three identities that training never saw, each drawn once as its reference."""

from __future__ import annotations

from pathlib import Path

from PIL import Image

from dreamtuner.pocket.shards import Picture
from dreamtuner.pocket.world import Context, render

EXAMPLES: dict[str, Picture] = {
    "pip": Picture(1_133_914, Context("in the snow", "standing", "natural", "smiling", size=0.88, seed=5)),
    "momo": Picture(1_119_395, Context("on the beach", "standing", "anime", "smiling", size=0.88, seed=5)),
    "bolt": Picture(1_124_863, Context("on the beach", "standing", "natural", "smiling", size=0.88, seed=5)),
}


def draw_example(name: str) -> Image.Image:
    """The reference of one example subject, 64 x 64 RGB. KeyError when there is none of that name."""
    picture = EXAMPLES[name]
    drawn = render([picture.identity], [picture.context]).image[0]
    return Image.fromarray((drawn.permute(1, 2, 0) * 255).round().byte().numpy())


def write_examples(folder: Path) -> None:
    """Draw every example reference into ``folder`` as NAME.png."""
    folder.mkdir(parents=True, exist_ok=True)
    for name in EXAMPLES:
        draw_example(name).save(folder / f"{name}.png")
