"""Renders the images of examples/: subjects that training never saw, a pose library, depth maps and a wave."""

from __future__ import annotations

import sys
from collections.abc import Mapping
from pathlib import Path

from PIL import Image
from torch import Tensor

from dreamtuner.pocket.training.shards import Picture
from dreamtuner.pocket.world import Context, Identity, Rendered, render
from dreamtuner.pocket.world.poses import pose_library, wave

EXAMPLES: dict[str, Picture] = {
    "pip": Picture(1_133_914, Context("in the snow", "standing", "natural", "smiling", size=0.88, seed=5)),
    "momo": Picture(1_119_395, Context("on the beach", "standing", "anime", "smiling", size=0.88, seed=5)),
    "bolt": Picture(1_124_863, Context("on the beach", "standing", "natural", "smiling", size=0.88, seed=5)),
}
"""Three identities that training never saw, each with the context of its reference."""

DEPTHS: dict[str, tuple[str, str]] = {
    "bear-waving": ("bear", "waving"),
    "rabbit-sitting": ("rabbit", "sitting"),
    "robot-jumping": ("robot", "jumping"),
}
"""Class and pose of each depth map."""


def draw_example(name: str) -> Image.Image:
    """Render the reference of an example subject, 64 x 64 RGB. Raises KeyError for an unknown name."""
    return _picture(_drawn(EXAMPLES[name]).image)


def draw_depth(name: str) -> Image.Image:
    """Render a depth map, 64 x 64 L, of a subject without a hat, since a hat would show more than the layout."""
    class_word, pose = DEPTHS[name]
    bare = Identity(class_word, "red", "blue", "white", "plain", "circle", "no hat", "dot eyes", "medium")
    return _picture(render([bare], [Context("in a room", pose, "natural")]).depth)


def example_files() -> Mapping[str, Image.Image]:
    """Render every image of examples/, by its path: references with their pose and depth, and control images."""
    files: dict[str, Image.Image] = {}
    for name, picture in EXAMPLES.items():
        drawn = _drawn(picture)
        files[f"references/{name}.png"] = _picture(drawn.image)
        files[f"references/{name}-pose.png"] = _picture(drawn.pose)
        files[f"references/{name}-depth.png"] = _picture(drawn.depth)
    files |= {f"poses/{name}.png": image for name, image in pose_library().items()}
    files |= {f"poses/wave/{i:02d}.png": image for i, image in enumerate(wave())}
    return files | {f"depth/{name}.png": draw_depth(name) for name in DEPTHS}


def write_examples(folder: Path) -> None:
    """Write every image of ``example_files`` to ``folder``."""
    for place, image in example_files().items():
        path = folder / place
        path.parent.mkdir(parents=True, exist_ok=True)
        image.save(path, optimize=True)


def _drawn(picture: Picture) -> Rendered:
    return render([picture.identity], [picture.context])


def _picture(layer: Tensor) -> Image.Image:
    """Convert (1, 3, S, S) or (1, 1, S, S) in 0..1 to RGB or L."""
    pixels = (layer[0].permute(1, 2, 0) * 255).round().byte().numpy()
    return Image.fromarray(pixels[..., 0] if pixels.shape[2] == 1 else pixels)


if __name__ == "__main__":
    write_examples(Path(sys.argv[1]))
