"""Brings an auxiliary model onto this machine, and writes its lock."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from pathlib import Path

from dreamtuner.models.auxiliary.model import AUXILIARY, AuxiliaryModel
from dreamtuner.models.auxiliary.place import auxiliary_folder, auxiliary_lock
from dreamtuner.models.auxiliary.web_file import fetch_web_file
from dreamtuner.models.hashes import file_sha256
from dreamtuner.models.intake import hub
from dreamtuner.models.intake.chosen_files import chosen_of_model
from dreamtuner.models.intake.errors import IntakeError
from dreamtuner.models.intake.fetch import Say, changes
from dreamtuner.models.intake.lock import Lock, LockedFile, LockedPlace, alone, now, read_lock, write_lock
from dreamtuner.models.intake.sources import HubSource, hub_source
from dreamtuner.models.weights import loaded_files


def fetch_auxiliary(
    name: str, *, offline: bool = False, update: bool = False, say: Say = lambda line: None
) -> tuple[Lock, tuple[str, ...]]:
    """Download an auxiliary model, and lock it; return the lock, and the files that differ from an earlier one.

    A locked model is fetched at its commit; `update`: at the newest one. `offline`: the hub's cache must have it.

    Raises:
        UnknownNameError: no such model is known.
        IntakeError: it cannot be fetched, or is not the model that its name promises.
    """
    model = AUXILIARY.get(name)
    offline = hub.is_offline(offline)
    with alone(name, auxiliary_folder()):
        before = read_lock(auxiliary_lock(name))
        find = _web_place if model.is_web_file else _hub_place
        weights = find(model, None if before is None or update else before.place("weights"), offline, say)
        variant = None if model.is_web_file else hub_source(model.source).variant
        lock = Lock(profile=name, locked_at=now(), variant=variant, places=(weights,))
        write_lock(lock, auxiliary_lock(name))
    return lock, changes(before, lock)


def _hub_place(model: AuxiliaryModel, locked: LockedPlace | None, offline: bool, say: Say) -> LockedPlace:
    """Bring a model of the hub here, at its locked commit."""
    source = hub_source(model.source)
    if locked is not None and locked.stated == model.source and locked.commit is not None:
        source = HubSource(source.repository, source.path, locked.commit, source.variant)
    choose = _chooser(source, model)
    snapshot = hub.cached(source, choose) if offline else hub.download(source, choose, say)
    place = snapshot.folder / source.path
    demand_kind(model, place)
    return LockedPlace(
        field="weights",
        stated=model.source,
        folder=place,
        repository=snapshot.repository,
        commit=snapshot.commit,
        licence=snapshot.licence,
        files=_locked_files([(place.name, place)] if place.is_file() else _files(model, place)),
    )


def _web_place(model: AuxiliaryModel, locked: LockedPlace | None, offline: bool, say: Say) -> LockedPlace:
    """Bring a model that is one file on the web here; with a lock, exactly that file."""
    stated = locked.files[0].sha256 if locked is not None and locked.stated == model.source else model.sha256
    place = fetch_web_file(model.name, model.source, stated or "", offline=offline, say=say)
    return LockedPlace(field="weights", stated=model.source, folder=place, files=_locked_files([(place.name, place)]))


def _locked_files(files: Sequence[tuple[str, Path]]) -> tuple[LockedFile, ...]:
    return tuple(LockedFile(path=at, bytes=one.stat().st_size, sha256=file_sha256(one)) for at, one in files)


def demand_kind(model: AuxiliaryModel, place: Path) -> None:
    """Raise IntakeError unless all files are at this place, and the model's config states one of its kinds."""
    if lacking := [one for one in model.files if not (place / one).is_file()]:
        raise IntakeError(f"{place} lacks {', '.join(lacking)}; fetch it again")
    if not model.model_types:
        return
    try:
        kind = json.loads((place / "config.json").read_text(encoding="utf-8")).get("model_type")
    except (OSError, ValueError, AttributeError) as error:
        raise IntakeError(f"{place} has no readable config.json ({error}); fetch it again") from error
    if kind not in model.model_types:
        raise IntakeError(f"{place} is a model of type {kind!r}, {model.name} is {' or '.join(model.model_types)}")


def _chooser(source: HubSource, model: AuxiliaryModel) -> hub.Choose:
    def choose(names: Sequence[str], read: Callable[[str], bytes]) -> list[str]:
        if model.model_types:
            return chosen_of_model(names, source.path, source.variant)
        wanted = [f"{source.path}/{one}".strip("/") for one in model.files] or [source.path]
        if lacking := next((one for one in wanted if one not in names), None):
            raise IntakeError(f"it has no file {lacking}; its files are: {', '.join(list(names)[:5]) or 'none'}")
        return wanted

    return choose


def _files(model: AuxiliaryModel, place: Path) -> list[tuple[str, Path]]:
    files = [place / one for one in model.files] or loaded_files(place)
    return sorted((one.relative_to(place).as_posix(), one) for one in files)
