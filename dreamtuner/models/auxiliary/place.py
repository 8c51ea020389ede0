"""Finds auxiliary models on this disk, and computes their digests; loads nothing.

The variable DREAMTUNER_<NAME>_WEIGHTS names a folder or file of one's own, such as DREAMTUNER_DINO_VITS16_WEIGHTS; else
the lock DREAMTUNER_HOME/models/NAME.lock.json says where the hub's cache has it.
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterable
from pathlib import Path

from dreamtuner.models.auxiliary.model import AUXILIARY
from dreamtuner.models.hashes import file_sha256
from dreamtuner.models.profiles.registry import LOCK
from dreamtuner.models.weights import WeightsMissingError, digest_of, files_digest


def auxiliary_folder() -> Path:
    """Return the folder of the locks, DREAMTUNER_HOME/models; it need not exist."""
    return (Path(os.environ.get("DREAMTUNER_HOME") or ".dreamtuner") / "models").expanduser().absolute()


def auxiliary_lock(name: str) -> Path:
    """Return where the lock of an auxiliary model is, or would be."""
    return auxiliary_folder() / f"{name}{LOCK}"


def auxiliary_variable(name: str) -> str:
    """Return the environment variable that names a folder or file of one's own for an auxiliary model."""
    return f"DREAMTUNER_{re.sub('[^A-Z0-9]', '_', name.upper())}_WEIGHTS"


def auxiliary_place(name: str) -> Path | None:
    """Return the folder of an auxiliary model, or its file if it is one; None if it is not on this machine.

    Raises:
        UnknownNameError: no such model is known.
        IntakeError: its lock is damaged.
    """
    AUXILIARY.get(name)
    if own := os.environ.get(auxiliary_variable(name)):
        place = Path(own).expanduser().absolute()
        return place if place.exists() else None
    if not auxiliary_lock(name).is_file():
        return None
    from dreamtuner.models.intake.lock import read_lock

    lock = read_lock(auxiliary_lock(name))
    locked = None if lock is None else lock.place("weights")
    return locked.found if locked is not None and locked.found.exists() else None


def missing_auxiliaries(names: Iterable[str]) -> list[str]:
    """Return a phrase for each of these models that is not on this machine, with the command that provides it."""
    found = []
    for name in names:
        place, remedy = auxiliary_place(name), f"get it with: {AUXILIARY.get(name).remedy}"
        if place is None:
            found.append(f"the model {name}, which is not on this machine; {remedy}")
        elif lacking := _lacking_files(name, place):
            found.append(f"the model {name}, which lacks {lacking} in {place}; {remedy}")
    return found


def require_auxiliary(name: str) -> Path:
    """Return `auxiliary_place`. Raises WeightsMissingError, which names the command, if the model is missing."""
    place, remedy = auxiliary_place(name), f"get it with: {AUXILIARY.get(name).remedy}"
    if place is None:
        raise WeightsMissingError(
            f"the model {name} is not on this machine; {remedy} (or set {auxiliary_variable(name)} to its folder)"
        )
    if lacking := _lacking_files(name, place):
        raise WeightsMissingError(f"the model {name} lacks {lacking} in {place}; {remedy}")
    return place


def _lacking_files(name: str, place: Path) -> str:
    """Return which files of a model of several files are not in its folder, separated by commas."""
    return ", ".join(one for one in AUXILIARY.get(name).files if not (place / one).is_file())


def auxiliary_digest(name: str) -> str:
    """Return the SHA-256 of the files that are loaded of an auxiliary model; it does not depend on where they are.

    Raises WeightsMissingError if it is missing.
    """
    place, files = require_auxiliary(name), AUXILIARY.get(name).files
    if files:
        return files_digest((one, place / one) for one in files)
    return file_sha256(place) if place.is_file() else digest_of(place, [""])
