"""One process's work on a grid, with a generator that is a pure function of the cell: real PNGs, in milliseconds.

What a test kills runs here, forked from a server that has imported everything once. Everything but the method and
Prefect's bookkeeping is the real thing: ingestion, claims, leases, uploads, catalog, store, contact sheet.
"""

import hashlib
import json
import logging
import os
import time
from collections.abc import Sequence
from datetime import datetime, timedelta, tzinfo
from pathlib import Path
from types import SimpleNamespace
from typing import Any

from PIL import Image

import flows.catalog
import flows.execution.generate_batch
import flows.execution.image_writer
import flows.generate
import flows.ingest
import storage.catalog.database.base
from dreamtuner.sampling.request import Cell, Reference
from dreamtuner.settings.sampling import Sampling
from flows.ingestion.store_subject import IngestResult, prepare_and_store
from flows.resources import Resources
from flows.spec.model import Spec
from flows.spec.problems import SubjectError
from flows.spec.subject import SubjectSpec

SIDE = 24


def picture(reference: Reference, cell: Cell, sampling: Sampling) -> Image.Image:
    """Noise that depends on all that a picture depends on, and on nothing else."""
    recipe = [reference.caption, cell.prompt, cell.seed, sampling.model_dump(mode="json")]
    inputs = reference.image.tobytes() + json.dumps(recipe, sort_keys=True).encode()
    return Image.frombytes("RGB", (SIDE, SIDE), hashlib.shake_256(inputs).digest(SIDE * SIDE * 3))


def work(environment: dict[str, str], spec: dict[str, Any], acks: str, seconds: float) -> None:
    """Carry out the spec in this process; each picture takes `seconds`, and its digest goes to the file `acks` once
    it is kept."""
    log = os.open(f"{acks}.log", os.O_WRONLY | os.O_CREAT | os.O_APPEND)
    for stream in (1, 2):
        os.dup2(log, stream)
    logging.basicConfig(level=logging.INFO, format="%(process)d %(asctime)s %(name)s: %(message)s")
    os.environ.update(environment)
    _replace_the_method(seconds)
    _acknowledge(acks)
    if "CLOCK_FILE" in environment:
        _follow(Path(environment["CLOCK_FILE"]))
    flows.catalog.catalog.fn(Spec.model_validate(spec))


def _replace_the_method(seconds: float) -> None:
    def generate(_: Any, references: Sequence[Reference], cells: Sequence[Cell], sampling: Sampling, **__: Any) -> Any:
        pictures = []
        for cell in cells:
            time.sleep(seconds)
            pictures.append(picture(references[0], cell, sampling))
        return pictures

    def backbone(self: Resources, name: str, dtype: str = "float32") -> Any:
        return SimpleNamespace(weights_digest=self.weights_digest(name))

    flows.execution.generate_batch.generate = generate
    Resources.backbone = backbone  # type: ignore[method-assign]
    flows.generate.generate_cells = flows.generate.generate_cells.fn  # type: ignore[assignment]
    flows.catalog.generate = flows.generate.generate.fn  # type: ignore[assignment]
    flows.ingest.ingest = _ingest  # type: ignore[assignment]


def _follow(clock: Path) -> None:
    """Let the catalog's clock here be off by the seconds that the file holds at each moment."""

    class Jumping(datetime):
        @classmethod
        def now(cls, tz: tzinfo | None = None) -> datetime:  # type: ignore[override]
            return datetime.now(tz) + timedelta(seconds=float(clock.read_text() or 0))

    storage.catalog.database.base.datetime = Jumping  # type: ignore[misc]


def _ingest(subjects: Sequence[SubjectSpec], profile: str | None = None, *stated: object) -> IngestResult:
    """The flow without Prefect; the specs here name no eyes of their own."""
    assert not any(stated)
    done, refused = [], {}
    for subject in subjects:
        try:
            done.append(prepare_and_store(subject, Resources.open(), profile=profile))
        except SubjectError as error:
            refused[subject.name] = str(error)
    return IngestResult(tuple(done), refused)


def _acknowledge(acks: str) -> None:
    """Say which cells are kept, as soon as they are: nothing that was said may ever be lost."""
    out = os.open(acks, os.O_WRONLY | os.O_CREAT | os.O_APPEND)
    keep = flows.execution.image_writer.ImageWriter._store_batch

    def made_by(keeper: Any) -> set[str]:
        return {digest for made in keeper.made.values() for digest in made}

    def kept(keeper: Any, pictures: Any) -> None:
        before = made_by(keeper)
        keep(keeper, pictures)
        mine = {one.digest for one in pictures} & made_by(keeper) - before
        os.write(out, "".join(f"{digest}\n" for digest in mine).encode())

    flows.execution.image_writer.ImageWriter._store_batch = kept  # type: ignore[method-assign]


def acknowledged(acks: Path) -> list[str]:
    """The digests that some process said it had kept."""
    return acks.read_text().split() if acks.exists() else []
