"""The evaluation cache: measured images keyed by a digest of all inputs, and the state of running fine-tunings.

After an interruption, or for a larger table, existing cells are reused; other weights, settings or metrics have other
keys.
"""

from __future__ import annotations

import fcntl
import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from functools import cached_property
from hashlib import sha256
from pathlib import Path
from shutil import rmtree
from typing import Protocol

from PIL import Image

from dreamtuner.baselines.method import Method
from dreamtuner.evaluation.cells import ImageRequest, Measured, NewCell
from dreamtuner.evaluation.measures import VERSION
from dreamtuner.evaluation.result import EvaluationResult, result_of, shown
from dreamtuner.models.profiles import ENCODER_PARTS, Profile
from dreamtuner.models.weights import parts_digest
from dreamtuner.pocket.training.shards import Picture
from dreamtuner.settings.recipe_fields import to_fields, to_literal
from dreamtuner.settings.sampling import ENGINE_VERSION


class CellStore(Protocol):
    """Stores measured cells and their images by digest, 64 hex digits: the catalog, or a substitute."""

    def measured(self, digests: Sequence[str]) -> Mapping[str, Measured]:
        """Return the measurements of those digests that have one."""
        ...

    def pictures(self, digests: Sequence[str]) -> Mapping[str, Image.Image]:
        """Return the images of those digests whose images exist and are intact."""
        ...

    def save(self, cells: Sequence[NewCell]) -> None:
        """Store all cells or, if killed, none. A newer cell replaces an older one."""
        ...


class EvaluationCache:
    """Measured cells for the weights of one profile, and a local folder for running trainings.

    `cells`: where they are stored; `decided`: what decides every cell of the profile, as JSON values; `pictured`:
    results contain the images that pages show. Without them, cells whose images are lost or elsewhere count too.
    """

    def __init__(self, folder: Path, cells: CellStore, profile: Profile, *, pictured: bool = True) -> None:
        self._folder, self.cells, self.pictured, self._profile = folder, cells, pictured, profile
        weights = parts_digest(profile, (*profile.image_parts, *ENCODER_PARTS, "oracle"))
        self.decided: Mapping[str, object] = {
            "weights": weights,
            "sampling": [to_fields(profile.natural), to_fields(profile.anime)],
            "versions": [ENGINE_VERSION, VERSION],
        }

    @cached_property
    def pose_controlnet(self) -> str:
        """The digest of the profile's pose ControlNet, which decides only the cells that are conditioned on a pose."""
        return parts_digest(self._profile, ("controlnet-pose",))

    def digest(self, method: Method, subject: Picture, cell: ImageRequest) -> str:
        """Return the key of a cell."""
        one = {
            "method": to_literal(method),
            "subject": [subject.identity_seed, to_fields(subject.context)],
            "cell": [to_fields(cell.context), cell.seed],
        }
        return sha256(json.dumps({**self.decided, **one}, sort_keys=True).encode()).hexdigest()

    def missing(
        self, method: Method, subject: Picture, cells: Sequence[ImageRequest], *, all_images: bool = False
    ) -> list[ImageRequest]:
        """Return the cells to measure: not measured yet, or without the image that is needed of them.

        Needed are the images that pages show; with `all_images` those of all cells, as `pictures` returns them.
        """
        needed = self._needed(cells, all_images)
        return _missing(cells, *self._found(method, subject, cells, needed), needed)

    def result(
        self, method: Method, subject: Picture, cells: Sequence[ImageRequest], *, all_images: bool = False
    ) -> EvaluationResult | None:
        """Return the result of these cells, or None if some are `missing`."""
        needed = self._needed(cells, all_images)
        measured, pictures = self._found(method, subject, cells, needed)
        if _missing(cells, measured, pictures, needed):
            return None
        return result_of(subject, [measured[cell] for cell in cells], [pictures[cell] for cell in self._shown(cells)])

    def pictures(self, method: Method, subject: Picture, cells: Sequence[ImageRequest]) -> list[Image.Image]:
        """Return the images of measured cells, in order. Raises KeyError if one is missing or damaged.

        Measure the cells with `all_images` before: those whose images are lost are then generated again.
        """
        digests = [self.digest(method, subject, cell) for cell in cells]
        found = self.cells.pictures(digests)
        return [found[digest] for digest in digests]

    def _found(
        self,
        method: Method,
        subject: Picture,
        cells: Sequence[ImageRequest],
        needed: Sequence[ImageRequest],
    ) -> tuple[dict[ImageRequest, Measured], dict[ImageRequest, Image.Image]]:
        """Return the cached cells, and the images of the `needed` ones."""
        digests = {cell: self.digest(method, subject, cell) for cell in cells}
        measured = self.cells.measured(list(digests.values()))
        pictures = self.cells.pictures([digests[cell] for cell in needed])
        return (
            {cell: measured[one] for cell, one in digests.items() if one in measured},
            {cell: pictures[one] for cell, one in digests.items() if one in pictures},
        )

    def _shown(self, cells: Sequence[ImageRequest]) -> list[ImageRequest]:
        return shown(cells) if self.pictured else []

    def _needed(self, cells: Sequence[ImageRequest], all_images: bool) -> list[ImageRequest]:
        return list(cells) if all_images else self._shown(cells)

    def save(
        self,
        method: Method,
        subject: Picture,
        cells: Sequence[ImageRequest],
        measured: Sequence[Measured],
        pictures: Sequence[Image.Image],
    ) -> None:
        """Store the cells of one batch, all or none."""
        self.cells.save(
            [
                NewCell(
                    self.digest(method, subject, cell),
                    method.name,
                    str(subject.identity_seed),
                    cell.prompt(subject),
                    cell.seed,
                    of_it,
                    picture,
                )
                for cell, of_it, picture in zip(cells, measured, pictures, strict=True)
            ]
        )

    @contextmanager
    def locked(self, subject: Picture) -> Iterator[bool]:
        """Lock a subject against other processes; yields False if another process holds it.

        The lock of a killed process is released.
        """
        place = self._folder / "subjects"
        place.mkdir(parents=True, exist_ok=True)
        with (place / f"{subject.identity_seed}.lock").open("a") as held:
            try:
                fcntl.flock(held, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                yield False
            else:
                yield True

    def work_dir(self, method: Method, subject: Picture) -> Path:
        """Return the folder of a method's training for a subject, used until the subject is done."""
        decided = json.dumps({**self.decided, "training": method.training, "context": to_fields(subject.context)})
        place = f"{subject.identity_seed}-{sha256(decided.encode()).hexdigest()[:16]}"
        return self._folder / "training" / place

    def remove_work_dirs(self, methods: Iterable[Method], subject: Picture) -> None:
        """Remove the training folders of these methods for a finished subject."""
        for method in methods:
            rmtree(self.work_dir(method, subject), ignore_errors=True)


def _missing(
    cells: Sequence[ImageRequest],
    measured: Mapping[ImageRequest, Measured],
    pictures: Mapping[ImageRequest, Image.Image],
    needed: Sequence[ImageRequest],
) -> list[ImageRequest]:
    lost = {cell for cell in needed if cell not in pictures}
    return [cell for cell in cells if cell not in measured or cell in lost]
