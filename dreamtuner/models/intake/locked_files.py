"""Compares the files of a profile with its lock; every file is read again."""

from __future__ import annotations

from pathlib import Path

from dreamtuner.models.hashes import read_sha256
from dreamtuner.models.intake.lock import Lock, LockedPlace
from dreamtuner.models.profiles import Profile
from dreamtuner.models.weights import loaded_files


def changed_since(lock: Lock, profile: Profile) -> list[str]:
    """Return what differs from the lock, one phrase a file: missing, changed, or loaded but not locked."""
    found = changed_places(lock)
    weights = lock.place("weights")
    if weights is None:
        return found
    locked = {file.path for file in weights.files}
    for part in profile.image_parts:
        folder = profile.folder(part)
        if folder != weights.found / part:
            continue
        names = (f"{part}/{one.relative_to(folder).as_posix()}" for one in loaded_files(folder, profile.variant))
        found += [f"weights: {name} is loaded, but not in the lock" for name in sorted(names) if name not in locked]
    return found


def changed_places(lock: Lock) -> list[str]:
    """Return which locked files are missing or changed, one phrase each."""
    return [one for place in lock.places for one in _changed(place)]


def _changed(place: LockedPlace) -> list[str]:
    said = []
    for file in place.files:
        at: Path = place.found if place.found.is_file() else place.found / file.path
        if not at.is_file():
            said.append(f"{place.field}: {file.path} is missing")
        elif at.stat().st_size != file.bytes:
            said.append(f"{place.field}: {file.path} has {at.stat().st_size:,} bytes, locked are {file.bytes:,}")
        elif (sha256 := read_sha256(at)) != file.sha256:
            said.append(f"{place.field}: {file.path} has the SHA-256 {sha256[:12]}, locked is {file.sha256[:12]}")
    return said
