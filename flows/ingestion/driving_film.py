"""The poses of a driving film: its frames, evenly in time, each through the pose estimator, as control images."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from PIL import Image, ImageOps

from dreamtuner.models.layouts import LayoutError, fitted
from dreamtuner.plugins import PluginError
from dreamtuner.preprocess.estimators import Estimate, Estimator, estimate_of
from flows.image_io import png_bytes
from flows.ingestion.sources import read, shown
from flows.progress import report_note
from flows.spec.problems import InputError, Problem
from storage.sources import SourceError

if TYPE_CHECKING:
    from dreamtuner.rendering.film_frames import FilmFrame
    from flows.settings import Settings
    from flows.spec.model import Spec
    from flows.spec.video import VideoSpec

ESTIMATED = 768
"""The longer side of what the estimator sees, pixels, at least: small images are enlarged by a whole factor."""


def film_poses(
    spec: Spec, video: VideoSpec, settings: Settings, estimator: Estimator, size: tuple[int, int]
) -> list[tuple[str, bytes]]:
    """Return the poses of the spec's film as PNG files, each with the name of its frame.

    Each frame is cropped to the shape of the images (`size`: width and height) around its middle, and brought to a
    whole multiple of it, since control images have to be. Frames that are shown more than once are estimated once.

    Raises InputError: the film cannot be read, or frames have no pose and the spec does not say to hold another's.
    """
    from dreamtuner.rendering.film_frames import FilmError, film_frames  # only specs with a film

    assert video.film is not None
    place, whole = shown(video.film), f"spec {spec.name!r}"
    try:
        frames = film_frames(_source(video.film, settings), video.frames, loop=video.loop)
    except ModuleNotFoundError as error:
        message = f"{place}: reading a video needs {error.name}; pip install 'dreamtuner[video]', or give an animated "
        raise InputError(whole, [_problem(f"{message}image or a folder of images")]) from error
    except (FilmError, SourceError) as error:
        raise InputError(whole, [_problem(f"{place}: {error}")]) from error
    found: dict[int, bytes | None] = {}
    for done, frame in enumerate(frames, 1):
        report_note(f"pose {done}/{len(frames)} of the film")
        if frame.index not in found:
            try:
                found[frame.index] = _pose(frame.image, estimator, size)
            except PluginError as error:
                raise InputError(whole, [_problem(f"{place}: {error}")]) from error
    poses = _held(frames, found, video, lambda message: InputError(whole, [_problem(f"{place}: {message}")]))
    return [(f"{place}, frame {frame.index}", pose) for frame, pose in zip(frames, poses, strict=True)]


def _problem(message: str) -> Problem:
    return Problem(path=("video", "film"), message=message)


def _source(place: str, settings: Settings) -> Path | bytes:
    """Return a local path as it is, of any size; what lies elsewhere is read whole, up to the limit of sources."""
    return Path(place) if "://" not in place else read(place, settings)


def _pose(image: Image.Image, estimator: Estimator, size: tuple[int, int]) -> bytes | None:
    """Return the skeleton of one frame; None where nobody is found, or all that is found is a single colour."""
    factor = max(1, round(min(max(image.size), ESTIMATED) / max(size)))
    seen = ImageOps.fit(image.convert("RGB"), (size[0] * factor, size[1] * factor), Image.Resampling.LANCZOS)
    try:
        estimate: Estimate = estimate_of(estimator, seen)
        if estimate.image is not None:
            fitted(estimator.kind, estimate.image, size)
    except LayoutError:
        return None
    return None if estimate.image is None else png_bytes(estimate.image)


def _held(
    frames: Sequence[FilmFrame],
    found: dict[int, bytes | None],
    video: VideoSpec,
    refused: Callable[[str], InputError],
) -> list[bytes]:
    """Return a pose for every frame; where none was found, that of the nearest frame, or an error that names them."""
    posed = [i for i, frame in enumerate(frames) if found[frame.index] is not None]
    lacking = list({frame.index: frame for frame in frames if found[frame.index] is None}.values())
    if not posed:
        raise refused("no pose was found in any frame; give a film that shows one person whole, or give poses")
    if lacking and video.missing == "refuse":
        named = ", ".join(f"{one.index} ({one.seconds:.2f} s)" for one in lacking[:12])
        more = f" and {len(lacking) - 12} more" if len(lacking) > 12 else ""
        raise refused(
            f"no pose was found in {len(lacking)} of {len({one.index for one in frames})} frames: {named}{more}; cut "
            "them out, or set video.missing: hold to hold the pose of the nearest frame"
        )
    nearest = [min(posed, key=lambda one, i=i: (abs(one - i), one)) for i in range(len(frames))]  # type: ignore[misc]
    return [pose for one in nearest if (pose := found[frames[one].index]) is not None]
