"""Maps what a point of a generated image attends to, by regenerating the image while recording attention."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from math import log
from pathlib import Path

import numpy as np
from PIL import Image

from dreamtuner.attention.maps import QueryAttention
from dreamtuner.rendering.attention_map import Column, Shown, attention_picture
from dreamtuner.sampling.recorder import AttentionRecorder
from dreamtuner.sampling.reference_crop import shown
from dreamtuner.sampling.request import Reference
from dreamtuner.settings.recipe_fields import from_fields
from dreamtuner.settings.sampling import Sampling
from flows.execution.generate_batch import generate_together
from flows.execution.recipe_rows import recipe_of_row
from flows.faults import CellChangedError
from flows.image_io import RECIPE_KEY, open_picture, open_reference
from flows.planning.cells import digest_of
from flows.resources import Resources
from flows.spec.problems import InputError, Problem
from storage.catalog import views
from storage.catalog.records import CellDetail, NotInCatalogError
from storage.lost import read_picture
from storage.objects import get_blob

FINE = 256
"""Tokens of the layers to show: grids of 16 x 16, as in the paper, or the model's nearest."""
FEW = 3
"""With fewer of these layers, those of the next coarser grid are shown as well."""


@dataclass(frozen=True)
class AttentionMap:
    """The attention map of the `point` of a cell's stored image `image_sha256`.

    `redrawn`: how the regenerated image compares; `shares`: step -> share of attention on the reference, 0..1.
    """

    digest: str
    image_sha256: str
    point: tuple[float, float]
    image: Image.Image
    redrawn: str
    shares: Mapping[str, float]


def attention_map(cell: str, point: str, resources: Resources) -> AttentionMap:
    """Map a cell (digest or PNG file) at "x,y", at the middle and the last step.

    Raises InputError for an unusable cell or point, also for a cell of another engine version or other weights.
    """
    where, found = point_of(point), find_cell(cell, resources)
    if found.image_sha256 is None:
        raise _refused("CELL", f"cell {found.digest[:12]} is {found.state}, so it has no image; run its spec first")
    if "scene" in found.settings:
        raise _refused("CELL", f"cell {found.digest[:12]} shows several subjects; attention maps are of images of one")
    s = from_fields(Sampling, found.settings["sampling"])
    steps = sorted({(s.steps - 1) // 2, s.steps - 1})
    recorder = AttentionRecorder(where, frozenset(steps))
    try:
        recipe_of_row(found)
        [picture] = generate_together([found], resources, recorder=recorder)
    except CellChangedError as error:
        raise _refused("CELL", str(error)) from error
    objects = resources.store
    stored = open_picture(read_picture(resources.catalog, objects, found.image_sha256), "RGB")
    mask = None if found.mask_sha256 is None else open_picture(get_blob(objects, found.mask_sha256), "L")
    reference = Reference(open_reference(get_blob(objects, found.reference_sha256)), mask, "")
    columns = [Column(f"step {step + 1} of {s.steps}", chosen(recorder.maps, step)) for step in steps]
    comparison = difference(picture, stored)
    image = attention_picture(
        picture,
        where,
        Shown(*shown(reference, s)),
        columns,
        w_ref=s.w_ref,
        title="Where this point looked",
        detail=f"{found.subject_name} · {found.prompt} · seed {found.seed} · cell {found.digest[:12]}",
        notes=[comparison, *_warned(found, resources)],
    )
    return AttentionMap(
        found.digest,
        found.image_sha256,
        where,
        image,
        comparison,
        {one.title: _mean_share(one.maps) for one in columns},
    )


def point_of(text: str) -> tuple[float, float]:
    """Parse "0.5,0.3" to (0.5, 0.3). Raises InputError for anything but two numbers in 0..1."""
    try:
        x, y = (float(part) for part in text.split(","))
    except ValueError:
        x = y = -1.0
    if not (0 <= x <= 1 and 0 <= y <= 1):
        raise _refused("point", f"{text!r} is not x,y with both in 0..1; 0.5,0.3 is above the middle")
    return x, y


def find_cell(cell: str, resources: Resources, *, what: str = "attention") -> CellDetail:
    """Find the catalog's cell by its digest, or by the recipe in a PNG file. Raises InputError if there is none.

    `what`: the command that asks, for the error.
    """
    file = Path(cell)
    digest = _digest_in(file, what) if file.suffix.lower() == ".png" or file.is_file() else cell.strip().lower()
    catalog = resources.catalog_if_any
    try:
        if catalog is not None:
            with catalog.read() as s:
                return views.cell(s, digest)
    except NotInCatalogError:
        pass
    raise _refused(
        "CELL",
        f"{digest[:12]} is not in the catalog of {resources.settings.home}; give all 64 digits, or a generated PNG",
        what,
    )


def _digest_in(file: Path, what: str) -> str:
    try:
        with Image.open(file) as image:
            recipe = image.info.get(RECIPE_KEY)
    except OSError as error:
        raise _refused(
            "CELL", f"{file} cannot be read as an image ({error}); give a PNG generated here", what
        ) from error
    if recipe is None:
        raise _refused("CELL", f"{file} contains no recipe; give the original PNG, or the cell's digest", what)
    return digest_of(json.loads(recipe))


def chosen(maps: Mapping[tuple[int, str], QueryAttention], step: int) -> dict[str, QueryAttention]:
    """Select the step's layers of about 16 x 16 patches, and if there are few, those of the next coarser grid."""
    ours = {name: one for (at, name), one in maps.items() if at == step}
    counts = sorted({one.own.shape[1] for one in ours.values()}, key=lambda count: abs(log(count / FINE)))
    shown = set(counts[:1])
    if sum(one.own.shape[1] in shown for one in ours.values()) < FEW:
        shown |= {max(coarser)} if (coarser := [count for count in counts if count < counts[0]]) else set()
    return {name: one for name, one in ours.items() if one.own.shape[1] in shown}


def difference(redrawn: Image.Image, stored: Image.Image) -> str:
    """Describe how the regenerated image differs from the stored one."""
    if redrawn.size != stored.size:
        return f"The regenerated image is {redrawn.size} pixels, the stored one {stored.size}: this map is not of it."
    apart = np.abs(np.asarray(redrawn, dtype=np.int16) - np.asarray(stored, dtype=np.int16))
    if not apart.any():
        return "The image regenerated from its recipe equals the stored one bit for bit."
    share, most = 100 * float((apart > 0).any(axis=2).mean()), int(apart.max())
    if most <= 2:
        return f"The regenerated image equals the stored one but for rounding ({share:.1f} % of pixels, by {most})."
    return (
        f"The regenerated image DIFFERS from the stored one in {share:.1f} % of pixels, by up to {most} of 255: "
        "this map is of the image shown here; the stored one is from another machine or library version."
    )


def _warned(cell: CellDetail, resources: Resources) -> list[str]:
    if cell.output_id is None:
        return []
    with resources.catalog.read() as s:
        found = views.warnings_of_outputs(s, [cell.output_id])
    return [f"Warning: {one.place}: {one.message}" for ones in found.values() for one in ones]


def _mean_share(maps: Mapping[str, QueryAttention]) -> float:
    return sum(one.share for one in maps.values()) / len(maps) if maps else 0.0


def _refused(field: str, message: str, what: str = "attention") -> InputError:
    return InputError(what, [Problem(path=(field,), message=message)])
