"""Reads the references of a cell from the store: its subject's, and in a video the frames before it."""

from collections.abc import Mapping
from typing import Any

from PIL import Image

from dreamtuner.sampling.request import Reference
from dreamtuner.sampling.video import frame_reference
from dreamtuner.settings.frames import DRAFT, FrameUse
from dreamtuner.settings.recipe_fields import from_fields
from flows.faults import UnmetRequirementError
from flows.image_io import open_picture, open_reference
from flows.planning.cells import further_reference, of_kinds
from flows.planning.video import ALL_LAYERS, USE
from flows.resources import Resources
from storage.catalog import views
from storage.catalog.records import CellDetail
from storage.lost import read_picture
from storage.objects import DigestMismatchError, ObjectMissingError, ObjectStore, get_blob


def references_of(cell: CellDetail, store: ObjectStore, pictures: Mapping[str, Image.Image]) -> list[Reference]:
    """Read the references of a cell's subject, each with its mask. `pictures`: control images by their SHA-256."""
    first = further_reference(
        reference=cell.reference_sha256,
        mask=cell.mask_sha256,
        caption=cell.settings["caption"],
        weight=cell.settings.get("reference_weight", 1.0),
        layouts=of_kinds(cell.reference_pose, cell.reference_depth, cell.reference_controls),
    )
    return [read_reference(one, store, pictures) for one in (first, *cell.settings.get("references", ()))]


def read_reference(one: Mapping[str, Any], store: ObjectStore, pictures: Mapping[str, Image.Image]) -> Reference:
    """Read a reference of a recipe, as `further_reference` assembles it. `pictures`: as in `references_of`."""
    return Reference(
        image=open_reference(get_blob(store, one["reference"])),
        mask=None if one["mask"] is None else open_picture(get_blob(store, one["mask"]), "L"),
        caption=one["caption"],
        layouts={kind: pictures[sha256] for kind, sha256 in one.get("layouts", {}).items()},
        weight=one.get("weight", 1.0) or 1.0,
        seen=one.get("weight", 1.0) > 0,  # 0: at this time of a video it does not count
    )


class Pictures(dict[str, Image.Image]):
    """Stored control images by SHA-256, each read once: cells of a grid share them."""

    def __init__(self, store: ObjectStore) -> None:
        super().__init__()
        self._store = store

    def __missing__(self, sha256: str) -> Image.Image:
        self[sha256] = open_reference(get_blob(self._store, sha256))
        return self[sha256]


class FrameMissingError(UnmetRequirementError):
    """An image that another one depends on, such as the frame before it, is not generated (yet).

    `awaited`: the digest of its cell.
    """

    def __init__(self, message: str, awaited: str) -> None:
        super().__init__(message)
        self.awaited = awaited


def layers_of_first(cell: CellDetail) -> bool:
    """Return whether the first release planned the frame: then it attends only in its first reference's layers."""
    named: Mapping[str, Any] = cell.settings.get("frames", {})
    return bool(named) and not set(ALL_LAYERS) <= set(named)


def frames_before(cell: CellDetail, resources: Resources, pictures: Mapping[str, Image.Image]) -> list[Reference]:
    """Read the frames that a frame sees as references. Raises FrameMissingError if one is missing.

    `pictures`: control images by their SHA-256.
    """
    named: Mapping[str, Any] = cell.settings.get("frames", {})
    use, found = from_fields(FrameUse, named.get(USE, {})), []
    for digest in dict.fromkeys(named[name] for name in ("first", "previous", "next", DRAFT) if name in named):
        with resources.catalog.read() as s:
            frame = views.cell(s, digest)
        if frame.image_sha256 is None:
            raise FrameMissingError(
                f"the frame {digest[:12]} before it is {frame.state}; it follows once that is generated", digest
            )
        try:
            image = open_picture(read_picture(resources.catalog, resources.store, frame.image_sha256), "RGB")
        except (ObjectMissingError, DigestMismatchError) as error:
            raise FrameMissingError(
                f"the image of the frame {digest[:12]} before it is lost and must be regenerated", digest
            ) from error
        own = {"pose": pictures[frame.pose]} if frame.pose else {}
        found.append(frame_reference(image, frame.prompt, own, use, frame.seed))
    return found
