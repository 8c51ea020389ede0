"""Trains a subject-encoder in a folder of its own: resumes what is there, writes the file, its card and its curves."""

from __future__ import annotations

import fcntl
from collections.abc import Callable, Iterator
from contextlib import contextmanager, nullcontext
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pydantic import BaseModel, ConfigDict

from dreamtuner.models.profiles import Profile
from dreamtuner.settings.optimizers import lacking
from dreamtuner.train.data.manifest import Manifest
from dreamtuner.train.data.prepared import DataError, Places, PreparedImages
from dreamtuner.train.encoder.curve import draw_curves
from dreamtuner.train.encoder.export import export_encoder
from dreamtuner.train.encoder.factory import EncoderFactory
from dreamtuner.train.encoder.settings import EncoderSettings
from dreamtuner.train.log import log_lines
from dreamtuner.train.loop import train
from dreamtuner.train.processes.team import LauncherError, launched
from dreamtuner.train.state import StateError
from flows.spec.problems import InputError, Problem

RECORD, CURVES = "training.json", "curves.png"
FREE = ("description", "processes", "at_once", "checkpointing")
"""Settings that may change when a training is resumed: they change no image, draw or step."""
FREE_OF_LOOP = ("log_every", "save_every", "save_minutes", "preview_every", "precision")


class Training(BaseModel):
    """What a folder's training is of."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    profile: str
    data: str
    settings: EncoderSettings


@dataclass(frozen=True)
class EncoderResult:
    """A training as it stands. `file`: the encoder, None until the last step is done; `last`: the last log line."""

    folder: Path
    steps: int
    of: int
    file: Path | None
    last: dict[str, Any]


def train_encoder(
    profile: Profile,
    places: Places,
    settings: EncoderSettings,
    folder: Path,
    *,
    device: str,
    minutes: float | None = None,
    start: Path | None = None,
    licence: str | None = None,
    data_licence: str = "unknown",
    say: Callable[[str], None] = print,
) -> EncoderResult:
    """Train until the last step, or for `minutes`; another call resumes, with any number of processes.

    Raises:
        InputError: data, settings and folder do not fit together; the message names the option.
    """
    factory = EncoderFactory(profile, places, settings, start)
    try:
        images = PreparedImages(places)
        factory.check(images)
    except DataError as error:
        raise _problem("--data", str(error).removeprefix("data: ")) from error
    _demand_enough(len(images), settings)
    if (message := lacking(settings.loop.optimizer, device)) is not None:
        raise _problem("--set", f"loop.optimizer: {message}")
    first = launched() is None or launched()[0] == 0  # type: ignore[index]
    with _alone_in(folder) if first else nullcontext():
        if first:
            _record(folder, Training(profile=profile.name, data=images.manifest.digest, settings=settings))
        try:
            done = train(
                factory,
                settings.loop,
                folder,
                device=device,
                processes=1 if launched() else settings.processes,
                minutes=minutes,
                report=say,
            )
        except StateError as error:
            raise _problem("--out", str(error)) from error
        except LauncherError as error:
            raise _problem("accelerate", str(error)) from error
        file = _finish(factory, folder, images.manifest, done, licence, data_licence) if first else None
    last = log_lines(folder)
    return EncoderResult(folder, done, settings.loop.steps, file, last[-1] if last else {})


def _demand_enough(images: int, settings: EncoderSettings) -> None:
    """Raise InputError if the images do not make a batch, or its rows cannot be shared by the processes."""
    usable = images - min(images, settings.validation)
    if usable < settings.batch:
        raise _problem(
            "--data",
            f"{usable} images to train on are fewer than a batch of {settings.batch}; give more images, or --set batch",
        )
    if settings.processes > settings.batch:
        raise _problem(
            "--processes", f"{settings.processes} cannot share a batch of {settings.batch} images; use fewer of them"
        )


def _finish(
    factory: EncoderFactory, folder: Path, manifest: Manifest, done: int, licence: str | None, data_licence: str
) -> Path | None:
    draw_curves(folder, factory.settings.loop, folder / CURVES)
    if done < factory.settings.loop.steps:
        return None
    return export_encoder(factory, folder, manifest, licence=licence, data_licence=data_licence)


def _record(folder: Path, training: Training) -> None:
    """Write what is trained here, or compare it with what was. Raises InputError if it is something else."""
    file = folder / RECORD
    if file.is_file():
        before = Training.model_validate_json(file.read_bytes())
        changed = [name for name in ("profile", "data") if getattr(before, name) != getattr(training, name)]
        changed += _changed(before.settings, training.settings, FREE)
        changed += [f"loop.{one}" for one in _changed(before.settings.loop, training.settings.loop, FREE_OF_LOOP)]
        changed = [one for one in changed if one != "loop"]
        if changed:
            message = (
                f"it holds a training with another {', '.join(changed)}; give another folder, or the same settings"
            )
            raise _problem("--out", message)
    file.write_text(training.model_dump_json(indent=2) + "\n")


def _changed(one: BaseModel, other: BaseModel, free: tuple[str, ...]) -> list[str]:
    return [name for name in type(one).model_fields if name not in free and getattr(one, name) != getattr(other, name)]


@contextmanager
def _alone_in(folder: Path) -> Iterator[None]:
    """Lock the folder, since two trainings in it would overwrite each other's state."""
    folder.mkdir(parents=True, exist_ok=True)
    with (folder / "lock").open("w") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            message = f"another training runs in {folder}; wait for it, or give another folder"
            raise _problem("--out", message) from error
        yield


def _problem(option: str, message: str) -> InputError:
    return InputError("train", [Problem(path=(option,), message=message)])
