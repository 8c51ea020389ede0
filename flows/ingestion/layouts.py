"""Reads and checks the control images (poses, depth maps) of a grid, before anything is written."""

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property

from dreamtuner.models.layouts import Kind, LayoutError, fitted
from dreamtuner.models.profiles import Profile
from dreamtuner.preprocess import ImageError, ImageLimits, decode_image
from flows.ingestion.choice import ingestion_choice, stated_eyes
from flows.ingestion.sources import read, shown
from flows.settings import Settings
from flows.spec.model import Spec
from flows.spec.problems import InputError, Problem, dotted
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


def read_layouts(
    spec: Spec,
    settings: Settings,
    sizes: Sequence[tuple[int, int]],
    profile: Profile | None = None,
    *,
    frames: bool = False,
) -> GridLayouts:
    """Read the spec's control images for images of these sizes, or estimate them from its film.

    `profile`: whose estimator reads the film; `frames`: they are those of a video, which may return to a pose. Raises
    InputError with every unusable one.
    """
    problems: list[Problem] = []
    found: dict[Kind, list[LayoutFile | None]] = {}
    for kind, (path, places) in spec.layout_fields.items():
        found[kind] = []
        first: dict[str, int] = {}
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
                file = LayoutFile(kind, place, data)
                found[kind].append(file)
                same = first.setdefault(file.sha256, i)
                if same != i and not frames:
                    other = f"{dotted((*path, same))} ({shown(str(places[same]))})"
                    problems.append(
                        Problem(path=(*path, i), message=f"{shown(place)}: is the same image as {other}; remove one")
                    )
    if problems:
        raise InputError(f"spec {spec.name!r}", problems)
    if spec.film is not None:
        found["pose"] = _of_film(spec, settings, sizes, profile)
    return found


def _of_film(
    spec: Spec, settings: Settings, sizes: Sequence[tuple[int, int]], profile: Profile | None
) -> list[LayoutFile | None]:
    """Return the poses of the spec's film. All sizes have one shape, or the film cannot be cropped for them."""
    from dreamtuner.preprocess.estimators import estimator_of  # only specs with a film
    from flows.ingestion.driving_film import film_poses

    assert spec.video is not None
    if len(set(sizes)) > 1:
        message = "images of both styles follow it, and have different sizes in this profile; set sampling.size"
        raise InputError(f"spec {spec.name!r}", [Problem(path=("video", "film"), message=message)])
    name = ingestion_choice(settings, profile, stated_eyes(spec)).estimators.get("pose")
    poses = film_poses(spec, spec.video, settings, estimator_of("pose", name), sizes[0])
    return [LayoutFile("pose", place, data) for place, data in poses]
