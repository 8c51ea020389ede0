"""Reads the earlier frames of a video from the store, as additional references of a frame."""

from collections.abc import Mapping

from PIL import Image

from dreamtuner.sampling.request import Reference
from dreamtuner.sampling.video import frame_reference
from flows.faults import UnmetRequirementError
from flows.image_io import open_picture
from flows.planning.video import ALL_LAYERS
from flows.resources import Resources
from storage.catalog import views
from storage.catalog.records import CellDetail
from storage.lost import read_picture
from storage.objects import DigestMismatchError, ObjectMissingError


class FrameMissingError(UnmetRequirementError):
    """A frame that another one depends on is not generated (yet)."""


def layers_of_first(cell: CellDetail) -> bool:
    """Return whether the first release planned the frame: then it attends only in its first reference's layers."""
    named: Mapping[str, str] = cell.settings.get("frames", {})
    return bool(named) and not set(ALL_LAYERS) <= set(named)


def frames_before(cell: CellDetail, resources: Resources, pictures: Mapping[str, Image.Image]) -> list[Reference]:
    """Read the first and the previous frame as references. Raises FrameMissingError if one is not generated.

    `pictures`: control images by their SHA-256.
    """
    named: Mapping[str, str] = cell.settings.get("frames", {})
    found = []
    for digest in dict.fromkeys(named[name] for name in ("first", "previous") if name in named):
        with resources.catalog.read() as s:
            frame = views.cell(s, digest)
        if frame.image_sha256 is None:
            raise FrameMissingError(
                f"the frame {digest[:12]} before it is {frame.state}; it follows once that is generated"
            )
        try:
            image = open_picture(read_picture(resources.catalog, resources.store, frame.image_sha256), "RGB")
        except (ObjectMissingError, DigestMismatchError) as error:
            raise FrameMissingError(
                f"the image of the frame {digest[:12]} before it is lost and must be regenerated"
            ) from error
        found.append(frame_reference(image, frame.prompt, {"pose": pictures[frame.pose]} if frame.pose else {}))
    return found
