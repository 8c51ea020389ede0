"""Reads and checks control images (poses, depth maps) of a grid and of references, before anything is written."""

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property

from PIL import Image

from dreamtuner.models.layouts import Kind, LayoutError, checked, fitted
from dreamtuner.preprocess import ImageError, ImageLimits, decode_image
from flows.image_io import png_bytes
from flows.ingestion.sources import read, shown
from flows.settings import Settings
from flows.spec.model import Spec
from flows.spec.problems import InputError, Problem
from flows.spec.subject import AUTO, SubjectSpec, is_auto
from storage.sources import SourceError


@dataclass(frozen=True)
class LayoutFile:
    """A control image file, unchanged: its bytes are stored under their SHA-256."""

    kind: Kind
    source: str
    data: bytes

    @cached_property
    def sha256(self) -> str:
        """Return the SHA-256 of the file, 64 hex digits."""
        return hashlib.sha256(self.data).hexdigest()


GridLayouts = Mapping[Kind, Sequence[LayoutFile | None]]
"""The control images of a grid by kind, in spec order; None: unconditioned."""


def read_layouts(spec: Spec, settings: Settings, sizes: Sequence[tuple[int, int]]) -> GridLayouts:
    """Read the spec's control images for images of these sizes. Raises InputError with every unusable one."""
    problems: list[Problem] = []
    found: dict[Kind, list[LayoutFile | None]] = {}
    for kind, (path, places) in spec.layout_fields.items():
        found[kind] = []
        for i, place in enumerate(places):
            if place is None:
                found[kind].append(None)
                continue
            try:
                data = read(place, settings)
                image = decode_image(data, limits=ImageLimits(max_bytes=settings.max_source_bytes, min_side=1)).image
                for size in dict.fromkeys(sizes):
                    fitted(kind, image, size)
            except (SourceError, ImageError, LayoutError) as error:
                problems.append(Problem(path=(*path, i), message=f"{shown(place)}: {error}"))
            else:
                found[kind].append(LayoutFile(kind, place, data))
    if problems:
        raise InputError(f"spec {spec.name!r}", problems)
    return found


def read_own(
    subject: SubjectSpec, kind: Kind, reference: Image.Image, settings: Settings, estimator: str | None = None
) -> LayoutFile | None:
    """Read the control image of the subject's reference (RGB, same size); None if it has none.

    `auto` estimates it, by `estimator` unless it names one itself. Raises SourceError, ImageError, LayoutError or
    PluginError.
    """
    place = subject.layouts.get(kind)
    if place is None:
        return None
    if is_auto(kind, place):
        # of other packages, for `auto` alone
        from dreamtuner.preprocess.estimators import estimated, estimator_of

        chosen = estimator_of(kind, place.removeprefix(AUTO).removeprefix(":") or estimator)
        return LayoutFile(kind, place, png_bytes(estimated(chosen, reference)))
    data = read(place, settings)
    image = decode_image(data, limits=ImageLimits(max_bytes=settings.max_source_bytes, min_side=1)).image
    if image.size != reference.size:
        raise LayoutError(
            f"{kind}: the control image is {image.width} x {image.height} pixels, the reference "
            f"{reference.width} x {reference.height}; "
            "it describes the reference itself, so both must have the same size"
        )
    checked(kind, image)
    return LayoutFile(kind, place, data)
