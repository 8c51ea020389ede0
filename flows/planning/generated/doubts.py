"""Says what is doubtful about the generated pictures that a spec names, before anything is generated.

Its subject may be found with doubt, and an edit at the picture's seed starts as the picture did only by its settings.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from typing import Any

from dreamtuner.preprocess.maskers import MASKERS, found_by, styled
from dreamtuner.settings.regions import is_stretched
from dreamtuner.settings.sampling import Sampling, Style
from flows.image_io import open_picture
from flows.planning.generated.pictures import GeneratedPictures, other_numbers
from flows.resources import Resources
from flows.spec.model import Spec
from storage.catalog import views
from storage.catalog.views import OutputDetail
from storage.objects import DigestMismatchError, ObjectMissingError, get_blob


def with_doubts(
    pictures: GeneratedPictures, spec: Spec, sampling: Mapping[Style, Sampling], resources: Resources
) -> GeneratedPictures:
    """Return the pictures with what is doubtful about those that the spec names. It runs their masker.

    `sampling`: the settings of the spec's cells, by style.
    """
    return replace(pictures, doubts=tuple(_doubts(pictures, spec, sampling, resources)))


def _doubts(
    pictures: GeneratedPictures, spec: Spec, sampling: Mapping[Style, Sampling], resources: Resources
) -> Iterator[tuple[str, str]]:
    for place, digest in (("edit.output", pictures.source), ("consistency.first", pictures.first)):
        if digest is None:
            continue
        with resources.catalog.read() as s:
            one = views.output(s, views.cell(s, digest).output_id or 0)
        edited = place == "edit.output"
        stated = edited and pictures.mask is not None  # and so not doubted
        if not stated and (doubt := _mask(one, pictures, resources)):
            yield place, doubt
        if edited and (doubt := _stretched(one, pictures.mask)):
            yield "edit.mask", doubt
        if edited and (doubt := _start(one, spec, sampling[one.style])):
            yield place, doubt


def _mask(one: OutputDetail, pictures: GeneratedPictures, resources: Resources) -> str | None:
    """Say that the masker finds the picture's subject with doubt."""
    try:
        image = open_picture(get_blob(resources.store, one.image_sha256), "RGB")
    except (ObjectMissingError, DigestMismatchError):
        return None  # said when it is seen
    name, _ = pictures.maskers[one.style]
    found = found_by(styled(MASKERS[name], one.style), image)
    if not found.doubtful:
        return None
    confidence = f"the masker {name} finds the subject of output {one.output_id} with a confidence of only"
    return f"{confidence} {found.confidence:.2f}; another masker may find it better"


def _stretched(one: OutputDetail, mask: Mapping[str, Any] | Sequence[float] | None) -> str | None:
    """Say that the mask that the spec states has another shape than the picture."""
    if not isinstance(mask, Mapping) or not is_stretched(mask, (one.width, one.height)):
        return None
    height, width = mask["size"]
    return (
        f"the mask is stretched: its sides are {width}:{height} and those of output {one.output_id} "
        f"{one.width}:{one.height}; paint it on the picture itself"
    )


def _start(one: OutputDetail, spec: Spec, here: Sampling) -> str | None:
    """Say by which settings an edit at the seed of its picture would not start as the picture did."""
    if one.seed not in spec.seeds or one.profile != spec.profile:
        return None
    others = {name: value for name, value in other_numbers(one, here).items() if name not in spec.sampling}
    if not others:
        return None
    differ = ", ".join(f"{name} {value} (here {getattr(here, name)})" for name, value in others.items())
    stated = ", ".join(f"{name}: {json.dumps(value)}" for name, value in others.items())
    return (
        f"output {one.output_id} was generated with {differ}, so an image at its seed keeps less of it; "
        f"state sampling: {{{stated}}}"
    )
