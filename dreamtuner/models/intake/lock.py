"""The lock of a profile: exactly which files it is loaded from, with their sizes and SHA-256.

DREAMTUNER_HOME/profiles/NAME.lock.json, beside a user's profiles; a profile that ships has its lock there too. It says
where on this machine the files are, and of which commits: on another machine, a copy makes `models fetch` take these.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from tempfile import NamedTemporaryFile
from typing import Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from dreamtuner.models.intake.errors import IntakeError
from dreamtuner.models.intake.hub_cache import repository_folder
from dreamtuner.models.profiles.registry import LOCK


class LockedFile(BaseModel):
    """One file that is loaded."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    path: str = Field(description="relative to the place's folder, with /")
    bytes: int = Field(ge=0)
    sha256: str = Field(pattern=r"^[0-9a-f]{64}$")


class LockedPlace(BaseModel):
    """One place that a profile names, such as its weights or its CLIP model, and the files loaded from it."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    field: str = Field(description="the profile's field: weights, clip, controlnets.pose ...")
    stated: str = Field(description="what the profile says there")
    folder: Path = Field(description="where its files are on this machine; a file for LoRAs and embeddings")
    repository: str | None = Field(default=None, description="owner/name on the hub")
    commit: str | None = None
    licence: str | None = Field(default=None, description="what the repository's page states")
    files: tuple[LockedFile, ...] = ()

    @property
    def source(self) -> str:
        """The repository and commit on the hub, else what was stated."""
        return self.stated if self.repository is None else f"{self.repository}@{self.commit}"

    @property
    def found(self) -> Path:
        """The folder or file on this machine; after a move of the hub's cache, the one in it."""
        if self.folder.exists() or self.repository is None or self.commit is None:
            return self.folder
        inside = self.folder.as_posix().partition(f"/{self.commit}")[2].strip("/")
        return repository_folder(self.repository) / "snapshots" / self.commit / inside


class Lock(BaseModel):
    """Everything that a profile is loaded from."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    version: Literal[1] = 1
    profile: str
    locked_at: datetime
    variant: str | None = None
    places: tuple[LockedPlace, ...]

    def folder(self, stated: str) -> Path | None:
        """Return where the place that a profile states so is, or None if it is not locked."""
        return next((one.found for one in self.places if one.stated == stated), None)

    def place(self, field: str) -> LockedPlace | None:
        """Return the locked place of a profile's field."""
        return next((one for one in self.places if one.field == field), None)


def read_lock(file: Path) -> Lock | None:
    """Read a lock; None if there is none. Raises IntakeError if the file is damaged."""
    try:
        return Lock.model_validate_json(file.read_bytes())
    except FileNotFoundError:
        return None
    except ValidationError as error:
        raise IntakeError(
            f"the lock {file} is damaged ({error.error_count()} problems); delete it and run: "
            f"dreamtuner models fetch {file.name.removesuffix(LOCK)}"
        ) from error


def write_lock(lock: Lock, file: Path) -> None:
    """Write a lock, whole or not at all."""
    write_whole(file, lock.model_dump_json(indent=2, exclude_none=True) + "\n")


def now() -> datetime:
    """Return the current time in UTC, in whole seconds."""
    return datetime.now(UTC).replace(microsecond=0)


def write_whole(file: Path, text: str) -> None:
    """Write a text file under a temporary name and rename it, so that readers never see half of it."""
    file.parent.mkdir(parents=True, exist_ok=True)
    with NamedTemporaryFile("w", encoding="utf-8", dir=file.parent, prefix=".new-", delete=False) as new:
        try:
            new.write(text)
            new.flush()
            os.fsync(new.fileno())
            os.chmod(new.name, 0o644)
            os.replace(new.name, file)
        except BaseException:
            Path(new.name).unlink(missing_ok=True)
            raise


@contextmanager
def alone(name: str, folder: Path) -> Iterator[None]:
    """Let one process at a time change a profile; the system releases the lock of a process that dies.

    Raises IntakeError if another process is changing it.
    """
    from filelock import FileLock, Timeout

    folder.mkdir(parents=True, exist_ok=True)
    try:
        with FileLock(folder / f".{name}.busy", timeout=0):
            yield
    except Timeout as error:
        raise IntakeError(f"another command is changing the profile {name}; wait until it has ended") from error
