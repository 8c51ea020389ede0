"""The unit of a measurement, one subject by one method, and the folder in which finished ones are kept.

A unit is written whole or not at all, under a digest of everything that decides it. So a table that was killed, or is
made larger, goes on from what is there, and other weights, numbers or measures begin anew beside it. It is a folder and
not the catalog: other methods' pictures are measurements, and nobody is to review or export them as the subject's.
"""

from __future__ import annotations

import fcntl
import io
import json
import os
from base64 import b64decode, b64encode
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from hashlib import sha256
from pathlib import Path
from shutil import rmtree

import numpy as np
from PIL import Image

from dreamtuner.baselines.method import Method
from dreamtuner.config import ENGINE_VERSION
from dreamtuner.pocket.held_out import Drawn
from dreamtuner.pocket.measure import VERSION
from dreamtuner.pocket.shards import Picture
from dreamtuner.profiles import ENCODER_PARTS, PARTS, Profile
from dreamtuner.weights import digest_of


@dataclass(frozen=True)
class Unit:
    """A subject by a method: its measures, its first pictures, and what it took.

    `prepare_s`: seconds once a subject (training, inversion); `picture_s`: seconds a picture, drawn in batches.
    """

    drawn: Drawn
    prepare_s: float
    picture_s: float


class Kept:
    """Finished units in a folder, for the weights of one profile."""

    def __init__(self, folder: Path, profile: Profile) -> None:
        self._folder = folder
        weights = digest_of(profile.weights, (*PARTS, *ENCODER_PARTS, "oracle"))
        self._decided: Mapping[str, object] = {
            "weights": weights,
            "sampling": [profile.natural.model_dump(), profile.anime.model_dump()],
            "versions": [ENGINE_VERSION, VERSION],
        }

    def path(self, method: Method, subject: Picture, prompts: int, seeds: int) -> Path:
        """Where this unit is, or will be."""
        one = {
            "method": repr(method),
            "subject": [subject.identity_seed, asdict(subject.context)],
            "cells": [prompts, seeds],
        }
        digest = sha256(json.dumps({**self._decided, **one}, sort_keys=True).encode()).hexdigest()
        return self._folder / f"{digest[:24]}.json"

    def load(self, method: Method, subject: Picture, prompts: int, seeds: int) -> Unit | None:
        """The unit, or None where it has not been measured."""
        path = self.path(method, subject, prompts, seeds)
        if not path.is_file():
            return None
        held = json.loads(path.read_text())
        measures = {name: np.array(values, dtype=np.float64) for name, values in held["measures"].items()}
        pictures = [_opened(text) for text in held["pictures"]]
        return Unit(Drawn(subject, pictures, measures), held["prepare_s"], held["picture_s"])

    def save(self, unit: Unit, method: Method, prompts: int, seeds: int) -> None:
        """Keep a unit: afterwards the file is there whole, or, killed, as it was before."""
        subject = unit.drawn.subject
        held = {
            "method": method.name,
            "subject": subject.identity_seed,
            "context": asdict(subject.context),
            "prepare_s": unit.prepare_s,
            "picture_s": unit.picture_s,
            "measures": {name: values.tolist() for name, values in unit.drawn.measures.items()},
            "pictures": [_written(picture) for picture in unit.drawn.pictures],
        }
        path = self.path(method, subject, prompts, seeds)
        path.parent.mkdir(parents=True, exist_ok=True)
        partial = path.with_name(f".{path.name}.{os.getpid()}")
        with partial.open("w") as file:
            json.dump(held, file)
            file.flush()
            os.fsync(file.fileno())
        partial.rename(path)

    @contextmanager
    def taken(self, subject: Picture) -> Iterator[bool]:
        """Hold a subject against other processes; False where one of them has it. A killed one lets go at once."""
        place = self._folder / "subjects"
        place.mkdir(parents=True, exist_ok=True)
        with (place / f"{subject.identity_seed}.lock").open("a") as held:
            try:
                fcntl.flock(held, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                yield False
            else:
                yield True

    def workshop(self, method: Method, subject: Picture) -> Path:
        """Where the training of a method for a subject keeps its state until the subject is done."""
        decided = json.dumps({**self._decided, "training": method.training, "context": asdict(subject.context)})
        place = f"{subject.identity_seed}-{sha256(decided.encode()).hexdigest()[:16]}"
        return self._folder / "training" / place

    def close_workshops(self, methods: Iterable[Method], subject: Picture) -> None:
        """These methods have drawn the subject: what their trainings kept is not needed any more."""
        for method in methods:
            rmtree(self.workshop(method, subject), ignore_errors=True)


def _written(picture: Image.Image) -> str:
    buffer = io.BytesIO()
    picture.save(buffer, "PNG")
    return b64encode(buffer.getvalue()).decode()


def _opened(text: str) -> Image.Image:
    picture = Image.open(io.BytesIO(b64decode(text)))
    picture.load()
    return picture
