"""Says where the subject of a generated picture that a spec names is found with doubt, before anything is generated."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

from dreamtuner.preprocess.maskers import MASKERS, found_by, styled
from flows.image_io import open_picture
from flows.planning.generated.pictures import GeneratedPictures
from flows.resources import Resources
from storage.catalog import views
from storage.objects import DigestMismatchError, ObjectMissingError, get_blob


def with_doubts(pictures: GeneratedPictures, resources: Resources) -> GeneratedPictures:
    """Return the pictures with what is doubtful about those that the spec names. It runs their masker."""
    return replace(pictures, doubts=tuple(_doubts(pictures, resources)))


def _doubts(pictures: GeneratedPictures, resources: Resources) -> Iterator[tuple[str, str]]:
    for place, digest in (("edit.output", pictures.source), ("consistency.first", pictures.first)):
        if digest is None or (place == "edit.output" and pictures.mask is not None):
            continue  # a stated mask is not doubted
        with resources.catalog.read() as s:
            one = views.output(s, views.cell(s, digest).output_id or 0)
        try:
            image = open_picture(get_blob(resources.store, one.image_sha256), "RGB")
        except (ObjectMissingError, DigestMismatchError):
            continue  # said when it is seen
        name, _ = pictures.maskers[one.style]
        found = found_by(styled(MASKERS[name], one.style), image)
        if found.doubtful:
            confidence = f"the masker {name} finds the subject of output {one.output_id} with a confidence of only"
            yield place, f"{confidence} {found.confidence:.2f}; another masker may find it better"
