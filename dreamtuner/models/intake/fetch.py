"""Brings everything that a profile names onto this machine, and writes its lock."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from dreamtuner.models.hashes import file_sha256
from dreamtuner.models.intake import hub
from dreamtuner.models.intake.checks import problems
from dreamtuner.models.intake.chosen_files import INDEX, chosen_of_model, chosen_of_pipeline
from dreamtuner.models.intake.errors import IntakeError
from dreamtuner.models.intake.lock import Lock, LockedFile, LockedPlace, alone, now, read_lock, write_lock
from dreamtuner.models.intake.sources import HubSource, hub_source
from dreamtuner.models.profiles import Profile, parts_listed, place_of_file, place_of_lock, profile_file
from dreamtuner.models.profiles.file import read_profile
from dreamtuner.models.profiles.places import HUB
from dreamtuner.models.weights import loaded_files

Say = Callable[[str], None]
FURTHER = ("tower", "subject_encoder")
"""Parts that a model may have beside those that a pipeline loads."""


@dataclass(frozen=True)
class Fetched:
    """A profile with everything in place, its lock, and the files that differ from its earlier lock."""

    profile: Profile
    lock: Lock
    changed: tuple[str, ...] = ()


def fetch(
    name: str,
    folders: Sequence[Path] | None = None,
    *,
    offline: bool = False,
    update: bool = False,
    say: Say = lambda line: None,
) -> Fetched:
    """Download what a profile's file names, and lock it. A locked profile is fetched at its commits.

    `update`: at the newest commits of the revisions in its file. Interrupted, it continues where it was; the lock is
    written last.

    Raises:
        IntakeError: a package brings the profile, something cannot be fetched, or what arrived cannot work.
    """
    file, place = place_of_file(name, folders), place_of_lock(name, folders)
    stated = profile_file(name, folders)
    if file is None or stated is None:
        raise IntakeError(f"there is no file of a profile {name!r} here; add the model with: dreamtuner models add")
    with alone(name, place.parent):
        before = read_lock(place)
        found = {}
        for field, one in stated.hub_places().items():
            source = hub_source(one)
            locked = None if before is None or update else before.place(field)
            if locked is not None and locked.stated == one and locked.commit is not None:
                source = HubSource(source.repository, source.path, locked.commit, source.variant)
            try:
                found[field] = fetch_place(field, source, stated.parts, offline=offline, say=say)
            except IntakeError as error:
                if field != "clip" or not hub.is_offline(offline):
                    raise
                say(f"without its CLIP model, which scores need: {error}")
        draft = lock_of(name, None, stated.places(), found)
        profile = read_profile(file, draft)
        if missing := profile.missing():
            raise IntakeError(
                f"profile {name!r} lacks {', '.join(missing)} in {profile.weights}; {_remedy(profile, name)}"
            )
        if wrong := problems(profile):
            raise IntakeError("; ".join(wrong))
        lock = lock_of(name, profile, stated.places(), found)
        write_lock(lock, place)
    return Fetched(profile, lock, changes(before, lock))


def _remedy(profile: Profile, name: str) -> str:
    if profile.remedy == f"dreamtuner models fetch {name}":
        return "the repository has no such folders: correct `weights` or `parts` in its file"
    return f"get them with: {profile.remedy}"


def fetch_place(
    field: str, source: HubSource, parts: Sequence[str] | None, *, offline: bool, say: Say = lambda line: None
) -> hub.Snapshot:
    """Fetch one place of a profile; `field` tells a pipeline's weights from one model or one file.

    `parts`: the folders to load; None: those of model_index.json. Raises IntakeError.
    """

    def choose(names: Sequence[str], read: Callable[[str], bytes]) -> list[str]:
        if field.partition(".")[0] in ("loras", "embeddings", "upscalers"):
            return _one_file(names, source)
        if field != "weights":
            return chosen_of_model(names, source.path, source.variant)
        if INDEX not in names:
            raise IntakeError(_no_pipeline(names))
        wanted = [*(parts or parts_listed(json.loads(read(INDEX)))), *_further(names)]
        return chosen_of_pipeline(names, wanted, source.variant)

    if hub.is_offline(offline):
        return hub.cached(source, choose)
    return hub.download(source, choose, say)


def _further(names: Sequence[str]) -> list[str]:
    folders = {name.partition("/")[0] for name in names if "/" in name}
    return [one for one in sorted(folders) if one in FURTHER or one.startswith("controlnet-")]


def _no_pipeline(names: Sequence[str]) -> str:
    single = [one for one in names if "/" not in one and one.endswith((".safetensors", ".ckpt"))]
    if single:
        return (
            f"it has no {INDEX}, but single files ({', '.join(single[:3])}); download one and give its path to "
            "dreamtuner models add"
        )
    return f"it has no {INDEX}; give a repository in the diffusers layout"


def _one_file(names: Sequence[str], source: HubSource) -> list[str]:
    if source.path in names:
        return [source.path]
    files = [one for one in names if one.endswith(".safetensors")]
    raise IntakeError(
        f"name the file, as in {HUB}{source.repository}/FILE; its files are: {', '.join(files[:5]) or 'none'}"
    )


def lock_of(name: str, profile: Profile | None, stated: Mapping[str, str], found: Mapping[str, hub.Snapshot]) -> Lock:
    """Return the lock of a profile; without the profile only where places are, enough to read it by.

    `stated`: its places by field; `found`: the snapshots of those that are on the hub.
    """
    places = []
    for field, place in stated.items():
        snapshot = found.get(field)
        if snapshot is None and (profile is None or place.startswith(HUB)):
            continue
        at = _folder_of(profile, field) if snapshot is None else snapshot.folder / hub_source(place).path
        assert at is not None
        if snapshot is None and not at.exists():
            continue  # the CLIP model of scores may come later
        places.append(
            LockedPlace(
                field=field,
                stated=place,
                folder=at,
                repository=None if snapshot is None else snapshot.repository,
                commit=None if snapshot is None else snapshot.commit,
                licence=None if snapshot is None else snapshot.licence,
                files=() if profile is None else tuple(_files_at(profile, field, at)),
            )
        )
    variant = None if profile is None else profile.variant
    return Lock(profile=name, locked_at=now(), variant=variant, places=tuple(places))


def _folder_of(profile: Profile | None, field: str) -> Path | None:
    if profile is None:
        return None
    group, _, key = field.partition(".")
    value = getattr(profile, group)
    return value[key] if key else value  # type: ignore[no-any-return]


def _files_at(profile: Profile, field: str, at: Path) -> list[LockedFile]:
    """Return the files that are loaded from a place, sorted, with their sums."""
    if at.is_file():
        return [_locked(at, at.name)]
    if field != "weights":
        files = sorted((one.relative_to(at).as_posix(), one) for one in loaded_files(at, profile.variant))
        return [_locked(file, name) for name, file in files]
    further = [one.name for one in sorted(at.iterdir()) if one.name in FURTHER or one.name.startswith("controlnet-")]
    parts = [one for one in (*profile.image_parts, *further) if profile.folder(one) == at / one]
    files = sorted(
        (one.relative_to(at).as_posix(), one) for part in parts for one in loaded_files(at / part, profile.variant)
    )
    return [_locked(file, name) for name, file in files]


def _locked(file: Path, name: str) -> LockedFile:
    return LockedFile(path=name, bytes=file.stat().st_size, sha256=file_sha256(file))


def changes(before: Lock | None, after: Lock) -> tuple[str, ...]:
    """Return what differs between two locks, such as "weights: unet/config.json"; empty without an earlier one."""
    if before is None:
        return ()
    was, now_ = ({(p.field, f.path): f.sha256 for p in one.places for f in p.files} for one in (before, after))
    return tuple(
        f"{field}: {path}"
        for field, path in sorted(was.keys() | now_.keys())
        if was.get((field, path)) != now_.get((field, path))
    )
