"""Profiles by name: built-in files, those in a user's folders, and those of other installed packages."""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import Any

from dreamtuner.models.profiles.file import read_profile
from dreamtuner.models.profiles.profile import Profile
from dreamtuner.plugins import Candidate, PluginError, Registry

BUILTIN = Path(__file__).parent
DEFAULT_PROFILE = "pocket"
"""The profile that is used where none is named: it comes with the package."""


def _checked(name: str, found: Any) -> Profile:
    profile = read_profile(Path(found)) if isinstance(found, str | Path) else found
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


def _files(folders: Sequence[Path] | None) -> list[Candidate]:
    return [
        *_in(BUILTIN, "dreamtuner"),
        *(one for f in (user_folders() if folders is None else folders) for one in _in(f)),
    ]


def _in(folder: Path, origin: str | None = None) -> Iterator[Candidate]:
    for file in sorted(folder.glob("*.yaml")):
        stat = file.stat()
        yield Candidate(file.stem, origin or str(file), partial(Path, file), (stat.st_mtime_ns, stat.st_size))
