"""The frames before a frame of a video, read from the store: the further references that it is generated with."""

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
    """A frame that another one looks at is not there (yet)."""


def layers_of_first(cell: CellDetail) -> bool:
    """Whether the cell is a frame as the first release planned them: it sees the layers of its first reference."""
    named: Mapping[str, str] = cell.settings.get("frames", {})
    return bool(named) and not set(ALL_LAYERS) <= set(named)


def frames_before(cell: CellDetail, resources: Resources, pictures: Mapping[str, Image.Image]) -> list[Reference]:
    """The further references of a frame: the first and the previous one; FrameMissingError where one is not drawn.

    `pictures`: layouts by their SHA-256.
    """
    named: Mapping[str, str] = cell.settings.get("frames", {})
    found = []
    for digest in dict.fromkeys(named[name] for name in ("first", "previous") if name in named):
        with resources.catalog.read() as s:
            frame = views.cell(s, digest)
        if frame.image_sha256 is None:
            raise FrameMissingError(
                f"the frame {digest[:12]} before it is {frame.state}; it is generated once that one is"
            )
        try:
            image = open_picture(read_picture(resources.catalog, resources.store, frame.image_sha256), "RGB")
        except (ObjectMissingError, DigestMismatchError) as error:
            raise FrameMissingError(
                f"the picture of the frame {digest[:12]} before it is lost, and made again"
            ) from error
        found.append(frame_reference(image, frame.prompt, {"pose": pictures[frame.pose]} if frame.pose else {}))
    return found
