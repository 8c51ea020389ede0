"""Profiles by name: built-in files, those in a user's folders, and those of other installed packages."""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import Any

from dreamtuner.models.profiles.file import ProfileFile, read_profile, read_profile_file
from dreamtuner.models.profiles.profile import Profile
from dreamtuner.plugins import Candidate, PluginError, Registry

BUILTIN = Path(__file__).parent
DEFAULT_PROFILE = "pocket"
"""The profile that is used where none is named: it comes with the package."""
LOCK = ".lock.json"
"""Suffix of the file, in DREAMTUNER_HOME/profiles, that records which files a profile is loaded from."""


def _checked(name: str, found: Any) -> Profile:
    profile = _read(Path(found), user_folders()[0]) if isinstance(found, str | Path) else found
    if not isinstance(profile, Profile):
        raise PluginError("it is neither the path of a YAML file nor a Profile")
    if profile.name != name:
        raise PluginError(f"it is named {profile.name!r}; give file and entry point the same name")
    return profile


PROFILES: Registry[Profile] = Registry("profile", "dreamtuner.profiles", check=_checked)


def user_folders(environ: Mapping[str, str] | None = None) -> tuple[Path, ...]:
    """Return the folders of a user's own profiles: DREAMTUNER_HOME/profiles, then those of DREAMTUNER_PROFILES.

    DREAMTUNER_PROFILES lists folders as PATH does, separated by ":" (";" on Windows). Absolute paths, each once.
    """
    env = os.environ if environ is None else environ
    home = Path(env.get("DREAMTUNER_HOME") or ".dreamtuner") / "profiles"
    more = (Path(one) for one in (env.get("DREAMTUNER_PROFILES") or "").split(os.pathsep) if one)
    return tuple(dict.fromkeys(one.expanduser().absolute() for one in (home, *more)))


def profile_names(folders: Sequence[Path] | None = None) -> list[str]:
    """Return the names of all profiles, sorted; reads none. `folders`: a user's own; None: `user_folders()`."""
    return PROFILES.names(_files(folders))


def get_profile(name: str, folders: Sequence[Path] | None = None) -> Profile:
    """Return the profile of this name. `folders`: as in `profile_names`.

    Raises:
        UnknownNameError: no profile has this name; the message lists those that exist.
        PluginError: two have this name, or its file is invalid; the message names files, keys and remedies.
    """
    return PROFILES.get(name, _files(folders))


def broken_profiles(folders: Sequence[Path] | None = None) -> dict[str, str]:
    """Return why each broken profile cannot be used, by name. `folders`: as in `profile_names`."""
    return PROFILES.broken(_files(folders))


def profile_file(name: str, folders: Sequence[Path] | None = None) -> ProfileFile | None:
    """Return the contents of a profile's file; None if a package brings it, or no file has this name.

    Raises ProfileError if the file is invalid.
    """
    file = place_of_file(name, folders)
    return None if file is None else read_profile_file(file)


def place_of_file(name: str, folders: Sequence[Path] | None = None) -> Path | None:
    """Return the file of a profile: a user's own, else the one that ships; None if a package brings it."""
    places = [*(user_folders() if folders is None else folders), BUILTIN]
    return next((file for place in places if (file := place / f"{name}.yaml").is_file()), None)


def place_of_lock(name: str, folders: Sequence[Path] | None = None) -> Path:
    """Return where a profile's lock is, or would be: in DREAMTUNER_HOME/profiles, wherever its file is."""
    return (user_folders() if folders is None else folders)[0] / f"{name}{LOCK}"


def ships(name: str) -> bool:
    """Return whether a profile of this name comes with the package."""
    return (BUILTIN / f"{name}.yaml").is_file()


def _files(folders: Sequence[Path] | None) -> list[Candidate]:
    """Return the files of profiles; one that ships gives way to a user's or a package's of its name."""
    folders = user_folders() if folders is None else folders
    locks = folders[0] if folders else user_folders()[0]
    return [*_in(BUILTIN, locks, "dreamtuner"), *(one for folder in folders for one in _in(folder, locks))]


def _in(folder: Path, locks: Path, origin: str | None = None) -> Iterator[Candidate]:
    for file in sorted(folder.glob("*.yaml")):
        state = tuple(_state(one) for one in (file, locks / f"{file.stem}{LOCK}"))
        yield Candidate(
            file.stem, origin or str(file), partial(_read, file, locks), state, gives_way=origin is not None
        )


def _read(file: Path, locks: Path) -> Profile:
    place = locks / f"{file.stem}{LOCK}"
    if not place.is_file():
        return read_profile(file)
    from dreamtuner.models.intake.errors import IntakeError
    from dreamtuner.models.intake.lock import read_lock

    try:
        return read_profile(file, read_lock(place))
    except IntakeError as error:
        raise PluginError(str(error)) from error


def _state(file: Path) -> tuple[int, int] | None:
    """Return what changes when the file does; None if it does not exist."""
    try:
        stat = file.stat()
    except FileNotFoundError:
        return None
    return stat.st_mtime_ns, stat.st_size
