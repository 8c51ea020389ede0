"""Reads the generated pictures that a cell sees beside its subject's references: one to edit, the first of its set."""

import logging
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from PIL import Image

from dreamtuner.plugins import PluginError
from dreamtuner.preprocess.maskers import MASKERS, found_by, styled
from dreamtuner.sampling.edits.kept_background import Background
from dreamtuner.sampling.request import Reference
from dreamtuner.settings.regions import mask_of
from flows.execution.inputs.references import FrameMissingError, Pictures, frames_before
from flows.faults import CellChangedError, UnmetRequirementError
from flows.image_io import open_picture
from flows.planning.cells import of_kinds
from flows.resources import Resources
from storage.catalog import views
from storage.catalog.records import CellDetail, NotInCatalogError
from storage.lost import read_picture
from storage.objects import DigestMismatchError, ObjectMissingError

_log = logging.getLogger(__name__)


@dataclass(frozen=True)
class SeenPictures:
    """The references that a cell's generated pictures are, and the background that is kept of one of them."""

    references: tuple[Reference, ...] = ()
    background: Background | None = None


def pictures_seen(cell: CellDetail, resources: Resources, pictures: Mapping[str, Image.Image]) -> SeenPictures:
    """Read the generated pictures of a cell. `pictures`: control images by their SHA-256.

    Each is a reference with the mask that the recipe states or its masker finds, its own prompt as caption, and the
    control images that it was conditioned on. Raises FrameMissingError while the first of the set is not generated, or
    an image is lost; UnmetRequirementError if the edited picture is gone or no subject is found; CellChangedError if
    the masker is another now.
    """
    references, background = [], None
    if edit := cell.settings.get("edit"):
        source = _cell(edit["cell"], resources, "the picture that this one is an edit of")
        if source.image_sha256 is None:
            raise UnmetRequirementError(
                f"the picture that this one is an edit of, cell {source.digest[:12]}, is {source.state}; run its spec "
                "again, then this one"
            )
        image, mask = _read(source, edit, resources)
        references += _reference(source, image, mask, edit["weight"], _caption(source, cell, resources), pictures)
        background = Background(image, mask) if edit.get("keep_background") else None
    if shared := cell.settings.get("set"):
        first = _cell(shared["first"], resources, "the first picture of its set")
        if first.image_sha256 is None:
            why = f": {first.error}" if first.error else ""
            raise FrameMissingError(
                f"the first picture of its set, cell {first.digest[:12]}, is {first.state}{why}; the others follow "
                "once it is generated",
                first.digest,
            )
        image, mask = _read(first, shared, resources)
        references += _reference(first, image, mask, shared["weight"], _caption(first, cell, resources), pictures)
    return SeenPictures(tuple(references), background)


def why_waiting(cell: CellDetail, resources: Resources) -> str | None:
    """Return why a cell waits for another's image, as things are now; None if it need not any more."""
    try:
        pictures = Pictures(resources.store)
        frames_before(cell, resources, pictures)
        pictures_seen(cell, resources, pictures)
    except UnmetRequirementError as error:
        return str(error)
    return None


def _cell(digest: str, resources: Resources, what: str) -> CellDetail:
    try:
        with resources.catalog.read() as s:
            return views.cell(s, digest)
    except NotInCatalogError as error:
        raise UnmetRequirementError(f"{what}, cell {digest[:12]}, was forgotten; name another in the spec") from error


def _read(cell: CellDetail, seen: Mapping[str, Any], resources: Resources) -> tuple[Image.Image, Image.Image]:
    """Read a cell's image (RGB) and find its subject (L). `seen`: what the recipe says of it."""
    assert cell.image_sha256 is not None
    try:
        image = open_picture(read_picture(resources.catalog, resources.store, cell.image_sha256), "RGB")
    except (ObjectMissingError, DigestMismatchError) as error:
        message = f"the image of cell {cell.digest[:12]}, which it sees, is lost; run its spec again"
        raise FrameMissingError(message, cell.digest) from error
    if (stated := seen.get("mask")) is not None:
        return image, mask_of(stated, image.size)
    name, version = seen["masker"], seen["masker_version"]
    try:
        masker = styled(MASKERS[name], seen["style"])
    except PluginError as error:
        raise UnmetRequirementError(f"this worker lacks the masker of the picture that it sees: {error}") from error
    if masker.version != version:
        raise CellChangedError(
            f"the masker {name} is of version {masker.version} here and the plan names {version}; run the spec again"
        )
    found = found_by(masker, image)
    mask = found.mask
    if found.doubtful:
        _log.warning("the subject of cell %s is found with a confidence of only %.2f", cell.digest, found.confidence)
    if mask.getbbox() is None:
        raise UnmetRequirementError(
            f"the masker {name} finds no subject in cell {cell.digest[:12]}, which it sees; name another picture, or "
            "another masker"
        )
    return image, mask


def _reference(
    cell: CellDetail,
    image: Image.Image,
    mask: Image.Image,
    weight: float,
    caption: str,
    pictures: Mapping[str, Image.Image],
) -> list[Reference]:
    if weight == 0:
        return []
    layouts = of_kinds(cell.pose, cell.depth, cell.controls)
    own = {kind: pictures[sha256].resize(image.size) for kind, sha256 in layouts.items()}
    return [Reference(image, mask, caption, own, frame=True, weight=weight)]


def _caption(seen: CellDetail, cell: CellDetail, resources: Resources) -> str:
    """Return the prompt of a seen picture, without a learned token that the model of `cell` does not know."""
    training = seen.settings["checkpoint"]
    if training is None or training == cell.settings["checkpoint"]:
        return seen.prompt
    return seen.prompt.replace(f" {resources.checkpoint(training).settings.word}", "")
