"""Layout pictures read and judged before anything is written: those of a grid, and a reference's own."""

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property

from PIL import Image

from dreamtuner.models.layouts import Kind, LayoutError, checked, fitted
from dreamtuner.preprocess import ImageError, ImageLimits, decode_image
from dreamtuner.preprocess.estimators import estimated, estimator_of
from flows.image_io import png_bytes
from flows.ingestion.sources import read, shown
from flows.settings import Settings
from flows.spec.model import AUTO, Spec, SubjectSpec, is_auto
from flows.spec.problems import InputError, Problem
from storage.sources import SourceError

NAMES: Mapping[Kind, str] = {"pose": "poses", "depth": "depth"}
"""The key of the spec that lists the layouts of a kind."""


@dataclass(frozen=True)
class LayoutFile:
    """One layout picture as it came: its bytes are kept, their SHA-256 is its name."""

    kind: Kind
    source: str
    data: bytes

    @cached_property
    def sha256(self) -> str:
        """64 hex digits."""
        return hashlib.sha256(self.data).hexdigest()


GridLayouts = Mapping[Kind, Sequence[LayoutFile | None]]
"""The layouts of a grid by kind, in the order of the spec; None: nothing to follow."""


def read_layouts(spec: Spec, settings: Settings, sides: Sequence[int]) -> GridLayouts:
    """The spec's layouts for pictures of these sides. InputError names all that cannot be read or do not fit."""
    problems: list[Problem] = []
    found: dict[Kind, list[LayoutFile | None]] = {}
    for kind, places in spec.layouts.items():
        found[kind] = []
        for i, place in enumerate(places):
            if place is None:
                found[kind].append(None)
                continue
            try:
                data = read(place, settings)
                image = decode_image(data, limits=ImageLimits(max_bytes=settings.max_source_bytes, min_side=1)).image
                for side in dict.fromkeys(sides):
                    fitted(kind, image, side)
            except (SourceError, ImageError, LayoutError) as error:
                problems.append(Problem(path=(NAMES[kind], i), message=f"{shown(place)}: {error}"))
            else:
                found[kind].append(LayoutFile(kind, place, data))
    if problems:
        raise InputError(f"spec {spec.name!r}", problems)
    return found


def read_own(subject: SubjectSpec, kind: Kind, reference: Image.Image, settings: Settings) -> LayoutFile | None:
    """The layout of the subject's reference (RGB), which must have its size; None where it has none.

    `auto` has it estimated. SourceError, ImageError, LayoutError and PluginError say why not.
    """
    place: str | None = getattr(subject, kind)
    if place is None:
        return None
    if is_auto(kind, place):
        estimator = estimator_of(kind, place.removeprefix(AUTO).removeprefix(":") or None)
        return LayoutFile(kind, place, png_bytes(estimated(estimator, reference)))
    data = read(place, settings)
    image = decode_image(data, limits=ImageLimits(max_bytes=settings.max_source_bytes, min_side=1)).image
    if image.size != reference.size:
        raise LayoutError(
            f"{kind}: the layout is {image.width} x {image.height} pixels, the reference "
            f"{reference.width} x {reference.height}; "
            "it shows the reference's own layout: give them one size"
        )
    checked(kind, image)
    return LayoutFile(kind, place, data)
