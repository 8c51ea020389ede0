"""Makes a cell's image again from its recipe, alone or with the cells it was made with, and compares the pixels."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from PIL import Image

from flows.execution.attention_map import find_cell
from flows.execution.generate_batch import generate_together
from flows.execution.recipe_rows import recipe_of_row
from flows.execution.replay.environment import TOGETHER, differences, environment
from flows.faults import CellChangedError
from flows.image_io import open_output, png_bytes
from flows.planning.cells import canonical
from flows.resources import Resources
from flows.spec.problems import InputError, Problem
from storage.catalog import views
from storage.catalog.records import CellDetail
from storage.lost import read_picture

LEVEL = 1
"""Levels of 255 by which an image may differ if it was made alone instead of in its batch."""


@dataclass(frozen=True)
class Replayed:
    """The image made again, beside the stored one.

    `same`: the pixels are equal, with their transparency, `same_bytes`: the file is too; `most`: the largest
    difference, levels of 255; `share`: how many pixels differ, 0..1. `together`: how many cells were generated in one
    call, `of`: how many it was recorded with, 0 if nothing was. `differ`: inputs that are not as recorded, by name.
    """

    digest: str
    same: bool
    same_bytes: bool
    most: int
    share: float
    together: int
    of: int
    differ: list[str]
    recorded: Mapping[str, Any] = field(repr=False)
    image: Image.Image = field(repr=False, compare=False)

    @property
    def alike(self) -> bool:
        """Return whether the image is what was promised: equal, or within LEVEL alone instead of in its batch."""
        return self.same or (self.most <= LEVEL and self.together != self.of)

    def as_json(self) -> dict[str, Any]:
        """Return all of it but the image as JSON values."""
        names = ("same", "same_bytes", "most", "share", "together", "of", "differ", "recorded")
        return {"cell": self.digest, "alike": self.alike} | {name: getattr(self, name) for name in names}

    def __str__(self) -> str:
        if self.same:
            bytes_too = "and the file is the same" if self.same_bytes else "the file is encoded otherwise"
            said = f"the same pixels; {bytes_too}"
        else:
            said = f"{100 * self.share:.2f} % of the pixels differ, by {self.most} of 255 at the most"
        if self.together != self.of:
            recorded = f"it was made with {self.of} cells" if self.of else "how many it was made with is not recorded"
            said += f"; made in a batch of {self.together}, {recorded}"
        if self.differ:
            said += f"; not as recorded: {'; '.join(self.differ)}"
        elif not self.recorded:
            said += "; what it was made with is not recorded: it is older than replay"
        return said


def replay(cell: str, resources: Resources, *, alone: bool = False) -> Replayed:
    """Make the image of a cell (digest or PNG file) again. Nothing is stored.

    `alone`: without the cells it was made with. Raises InputError if the cell has no image, or cannot be made here: its
    weights, or those of what it uses, are others, which the error names.
    """
    found = find_cell(cell, resources, what="replay")
    if found.image_sha256 is None:
        raise _refused(f"cell {found.digest[:12]} is {found.state}, so it has no image; run its spec first")
    recorded = _recorded(found, resources)
    wanted = list(recorded.get(TOGETHER, ()))
    cells = [found] if alone else _companions(found, wanted, resources)
    try:
        for one in cells:
            recipe_of_row(one)
        images = generate_together(cells, resources)
    except CellChangedError as error:
        raise _refused(str(error)) from error
    image = images[[one.digest for one in cells].index(found.digest)]
    stored = open_output(read_picture(resources.catalog, resources.store, found.image_sha256))
    apart = apart_by(image, stored)
    data = png_bytes(image, canonical(recipe_of_row(found)))
    return Replayed(
        found.digest,
        same=not apart.any(),
        same_bytes=hashlib.sha256(data).hexdigest() == found.image_sha256,
        most=int(apart.max()),
        share=float((apart > 0).any(axis=2).mean()),
        together=len(cells),
        of=len(wanted),
        differ=differences(recorded, environment(resources)),
        recorded=recorded,
        image=image,
    )


def apart_by(image: Image.Image, stored: Image.Image) -> np.ndarray[Any, np.dtype[np.int16]]:
    """Return how far two images are apart, levels of 255, height x width x channels; with alpha if either has it.

    Images of two sizes differ everywhere, as one pixel.
    """
    if image.size != stored.size:
        return np.full((1, 1, 3), 255, dtype=np.int16)
    mode = "RGBA" if image.has_transparency_data or stored.has_transparency_data else "RGB"
    return np.abs(np.asarray(image.convert(mode), dtype=np.int16) - np.asarray(stored.convert(mode), dtype=np.int16))


def _recorded(found: CellDetail, resources: Resources) -> Mapping[str, Any]:
    """Return what the stored image was made with; empty if that was not recorded."""
    with resources.catalog.read() as s:
        events = views.history(s, "cell", found.digest)
    ours = [one.detail for one in events if one.event == "generated"]
    made = [one.get("made_with") for one in ours if one.get("image_sha256") == found.image_sha256]
    return (made[-1] if made else None) or {}


def _companions(found: CellDetail, wanted: list[str], resources: Resources) -> list[CellDetail]:
    """Return the cells that were generated in one call, in their order; the cell alone if one of them is gone."""
    with resources.catalog.read() as s:
        digests = views.digests_beginning(s, wanted)
        if found.digest not in digests or len(digests) != len(wanted):
            return [found]
        return [views.cell(s, digest) for digest in digests]


def _refused(message: str) -> InputError:
    return InputError("replay", [Problem(path=("CELL",), message=message)])
