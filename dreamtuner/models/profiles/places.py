"""Where a profile's weights are: resolves the places that its file states, and what they say of themselves."""

from __future__ import annotations

from importlib.resources import files
from pathlib import Path
from typing import TYPE_CHECKING

from dreamtuner.models.profiles.yaml_file import ProfileError

if TYPE_CHECKING:
    from dreamtuner.models.intake.lock import Lock

HUB = "hub:"
"""Prefix of a place that is a repository of the hub: hub:owner/name."""
PACKAGE = "package:"
"""Prefix of weights inside an installed package: package:my_models/weights."""


def weights_folder(stated: str, file: Path, lock: Lock | None = None) -> Path:
    """Resolve a place in a profile file to a folder or file.

    A repository of the hub that is not locked yet resolves to its folder in the hub's cache, which no part is in.
    Raises ProfileError if a package is not installed, or a repository has no such name.
    """
    if stated.startswith(HUB):
        return _cached(stated, lock)
    if not stated.startswith(PACKAGE):
        return (file.parent / Path(stated).expanduser()).resolve()
    package, _, folder = stated.removeprefix(PACKAGE).partition("/")
    try:
        return Path(str(files(package))) / folder
    except (ImportError, TypeError, ValueError) as error:
        raise ProfileError(f"weights: package {package!r} is not installed; install it, or name a folder") from error


def _cached(stated: str, lock: Lock | None) -> Path:
    from dreamtuner.models.intake.errors import IntakeError
    from dreamtuner.models.intake.hub_cache import repository_folder
    from dreamtuner.models.intake.sources import hub_source

    try:
        repository = hub_source(stated).repository
    except IntakeError as error:
        raise ProfileError(str(error)) from error
    return (lock.folder(stated) if lock is not None else None) or repository_folder(repository)


def variant_of(stated: str) -> str | None:
    """Return the variant that is part of the weights' source, if any."""
    if not stated.startswith(HUB):
        return None
    from dreamtuner.models.intake.sources import hub_source

    return hub_source(stated).variant


def origin_of(stated: str, lock: Lock | None) -> str | None:
    """Return owner/name@commit of locked weights of the hub, without a lock what the file says; else None."""
    if not stated.startswith(HUB):
        return None
    place = None if lock is None else lock.place("weights")
    return f"{place.repository}@{place.commit}" if place and place.commit else stated.removeprefix(HUB)
