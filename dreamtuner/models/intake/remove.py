"""Removes a profile's file and lock, or an auxiliary model's lock, and, on request, what was downloaded for it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from dreamtuner.models.auxiliary import AUXILIARY
from dreamtuner.models.auxiliary.place import auxiliary_lock
from dreamtuner.models.intake.errors import IntakeError
from dreamtuner.models.intake.hub_cache import cache_root
from dreamtuner.models.intake.lock import Lock, alone, read_lock
from dreamtuner.models.profiles import place_of_lock, profile_names, ships, user_folders


@dataclass(frozen=True)
class Removed:
    """`removed`: files and snapshots; `kept`: folders with weights that stay; `freed`: bytes."""

    removed: tuple[Path, ...]
    kept: tuple[Path, ...]
    freed: int = 0


def remove(name: str, folders: Sequence[Path] | None = None, *, weights: bool = False) -> Removed:
    """Remove the profile's file in DREAMTUNER_HOME/profiles and its lock; `weights`: its snapshots in the cache, too.

    Of an auxiliary model the lock is removed. A snapshot that another profile or auxiliary model is locked to stays.
    Raises IntakeError if there is nothing to remove.
    """
    folders = user_folders() if folders is None else folders
    file, place = folders[0] / f"{name}.yaml", place_of_lock(name, folders)
    if name in AUXILIARY and name not in profile_names(folders):
        place = auxiliary_lock(name)
    with alone(name, place.parent):
        there = [one for one in (file, place) if one.is_file()]
        if not there:
            raise IntakeError(_nothing(name, folders))
        lock = read_lock(place)
        found = [] if lock is None else [one.found for one in lock.places]
        freed, gone = _delete(lock, _shared(place, folders)) if weights and lock is not None else (0, [])
        if weights and lock is not None:
            for one in _web_files(lock):
                freed, gone = freed + one.stat().st_size, [*gone, one]
                one.unlink()
        for one in there:
            one.unlink()
    kept = tuple(one for one in found if one.exists())
    return Removed((*there, *gone), kept, freed)


def _nothing(name: str, folders: Sequence[Path]) -> str:
    if name not in profile_names(folders):
        if name in AUXILIARY:
            return f"the model {name!r} is not fetched; there is nothing to remove"
        return f"there is no profile {name!r}; there are: {', '.join(profile_names(folders))}"
    if ships(name):
        return f"{name!r} comes with the program and is not fetched; there is nothing to remove"
    return f"the file of {name!r} is not in {folders[0]}; remove it where it is, in another folder or a package"


def _shared(own: Path, folders: Sequence[Path]) -> set[tuple[str | None, str | None]]:
    """Return the repositories and commits that other locks than `own` hold, of profiles and of auxiliary models."""
    places = (place_of_lock(one, folders) for one in profile_names(folders))
    places_of_others = {*places, *(auxiliary_lock(one) for one in AUXILIARY)} - {own}
    others = (read_lock(one) for one in places_of_others)
    return {(place.repository, place.commit) for lock in others if lock is not None for place in lock.places}


def _web_files(lock: Lock) -> list[Path]:
    """Return the files that were downloaded from an address of the web, and are there."""
    return [one.folder for one in lock.places if one.stated.startswith("https://") and one.folder.is_file()]


def _delete(lock: Lock, shared: set[tuple[str | None, str | None]]) -> tuple[int, list[Path]]:
    """Delete the lock's snapshots from the hub's cache, with blobs that no other snapshot uses.

    A copy of a repository may have its commits, so a snapshot is known by both.
    """
    from huggingface_hub import scan_cache_dir

    own = [one for one in lock.places if one.commit is not None and (one.repository, one.commit) not in shared]
    if not own or not cache_root().is_dir():
        return 0, []
    cache, freed = scan_cache_dir(cache_root()), 0
    for repository in cache.repos:
        commits = {str(one.commit) for one in own if one.repository == repository.repo_id}
        if commits:
            plan = replace(cache, repos=frozenset({repository})).delete_revisions(*commits)
            freed += plan.expected_freed_size
            plan.execute()
    return freed, [one.found for one in own]
