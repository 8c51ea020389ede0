"""Training images in a folder, with what lies beside each: bear.png, bear.txt, bear.mask.png, bear.depth.png."""

from __future__ import annotations

from pathlib import Path

from dreamtuner.models.layouts import kind_name
from dreamtuner.train.data.raw import Raw
from storage.sources import SourceError

IMAGES = frozenset({".png", ".jpg", ".jpeg", ".webp"})
MASK = "mask"


def list_folder(folder: Path) -> list[Raw]:
    """Return the images of a folder and of the folders in it, sorted by path. Raises SourceError if there is none."""
    if not folder.is_dir():
        raise SourceError(f"{str(folder)!r} is not a folder; correct the path")
    beside: dict[str, dict[str, Path]] = {}
    for file in sorted(folder.rglob("*")):
        stem, dot, ending = file.name.partition(".")
        if dot and stem:
            beside.setdefault(str((file.parent / stem).relative_to(folder)), {})[ending.lower()] = file
    return [raw for key, files in sorted(beside.items()) if (raw := _raw(key, files)) is not None]


def _raw(key: str, files: dict[str, Path]) -> Raw | None:
    image = next((file for ending, file in files.items() if f".{ending}" in IMAGES), None)
    if image is None:
        return None
    pictures = {ending.rpartition(".")[0]: file for ending, file in files.items() if is_beside(ending)}
    mask = pictures.pop(MASK, None)
    caption = files.get("txt")
    return Raw(
        key,
        image.read_bytes,
        None if caption is None else caption.read_text(encoding="utf-8", errors="replace"),
        None if mask is None else mask.read_bytes,
        {kind_name(name): file.read_bytes for name, file in pictures.items()},
    )


def is_beside(ending: str) -> bool:
    """Return whether an ending such as mask.png or depth.png is that of an image beside a training image."""
    name, _, suffix = ending.rpartition(".")
    return bool(name) and f".{suffix}" in IMAGES and name.isidentifier()
