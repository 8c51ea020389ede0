"""Registries of implementations by name: built-in ones and plugins of other installed packages, loaded on first use.

A package adds an implementation by an entry point in its pyproject.toml, in the group of the registry:

    [project.entry-points."dreamtuner.maskers"]
    corners = "my_maskers:CornerMasker"

The object that it points to is the implementation; a class is instantiated without arguments.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Hashable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from importlib.metadata import EntryPoint, EntryPoints, entry_points
from typing import Any, Generic, TypeVar

T = TypeVar("T")
OURS = "dreamtuner"
"""The origin of built-in implementations."""


class PluginError(ValueError):
    """A name in a registry that cannot be used; the message says which, why and what to do."""


class UnknownNameError(PluginError, KeyError):
    """No implementation has this name. The message lists the names that exist."""

    def __str__(self) -> str:
        return str(self.args[0])


class NameTakenTwiceError(PluginError):
    """Two implementations have the same name. The message names the origin of both."""


class BrokenPluginError(PluginError):
    """An implementation cannot be loaded, or lacks what the registry requires."""


@dataclass(frozen=True)
class Candidate:
    """One implementation that can be loaded.

    `origin`: the package and version, or the file, that provides it; `state`: it is reloaded when this changes;
    `gives_way`: another one of the same name takes its place.
    """

    name: str
    origin: str
    load: Callable[[], Any]
    state: Hashable = None
    gives_way: bool = False


class Registry(Generic[T]):
    """Implementations of one kind by name; built-in names come first, the others are sorted.

    Args:
        what: the kind, for messages, such as "masker".
        group: the entry-point group, such as "dreamtuner.maskers".
        builtin: "module:attribute" of each built-in implementation, by name.
        needs: attributes that every implementation must have; if "name" is one, it must equal the entry point's name.
        check: a further check: it returns the object to register, or raises ValueError.
    """

    def __init__(
        self,
        what: str,
        group: str,
        builtin: Mapping[str, str] | None = None,
        *,
        needs: Sequence[str] = (),
        check: Callable[[str, Any], T] | None = None,
    ) -> None:
        self.what, self.group = what, group
        self._builtin = dict(builtin or {})
        self._needs, self._check = tuple(needs), check
        self._loaded: dict[Hashable, T] = {}
        self._path: list[str] = []
        self._ready: dict[str, T] = {}

    def names(self, more: Iterable[Candidate] = ()) -> list[str]:
        """Return all names, including those of implementations that cannot be loaded; loads nothing.

        `more`: candidates in addition to built-in ones and plugins, such as files in a user's folder.
        """
        found = [one.name for one in self._candidates(more)]
        outside = sorted(name for name in found if name not in self._builtin)
        return list(dict.fromkeys([*self._builtin, *outside]))

    def get(self, name: str, more: Iterable[Candidate] = ()) -> T:
        """Return the implementation of this name, loaded once per process.

        Raises:
            UnknownNameError: no implementation has this name.
            NameTakenTwiceError: two have it.
            BrokenPluginError: it cannot be loaded. Other names are not affected.
        """
        candidates = self._candidates(more)
        found = [one for one in candidates if one.name == name]
        if not found:
            names = self.names(more)
            have = f"choose one of: {', '.join(names)}" if names else f"none is installed (group {self.group})"
            raise UnknownNameError(f"there is no {self.what} {name!r}; {have}")
        if len(found) > 1:
            origins = " and by ".join(one.origin for one in found)
            raise NameTakenTwiceError(
                f"the {self.what} {name!r} exists twice, by {origins}; rename or uninstall one of them"
            )
        return self._load(found[0])

    def __getitem__(self, name: str) -> T:
        if self._path != sys.path:
            self._path, self._ready = list(sys.path), {}
        ready = self._ready.get(name)
        if ready is None:  # plans of large grids look a style up once per cell
            ready = self._ready[name] = self.get(name)
        return ready

    def __contains__(self, name: object) -> bool:
        return name in self.names()

    def __iter__(self) -> Iterator[str]:
        return iter(self.names())

    def working(self, more: Iterable[Candidate] = ()) -> dict[str, T]:
        """Return all implementations that can be loaded, by name."""
        return self._sorted(more)[0]

    def broken(self, more: Iterable[Candidate] = ()) -> dict[str, str]:
        """Return why each broken implementation cannot be used, by name; empty if all can."""
        return self._sorted(more)[1]

    def added(self, more: Iterable[Candidate] = ()) -> dict[str, str]:
        """Return the names that are not built in, each with the package and version or the file that provides it."""
        return {one.name: one.origin for one in self._candidates(more) if one.origin != OURS}

    def _sorted(self, more: Iterable[Candidate]) -> tuple[dict[str, T], dict[str, str]]:
        more, working, broken = list(more), dict[str, T](), dict[str, str]()
        for name in self.names(more):
            try:
                working[name] = self.get(name, more)
            except PluginError as error:
                broken[name] = str(error)
        return working, broken

    def _candidates(self, more: Iterable[Candidate]) -> list[Candidate]:
        ours = [
            _candidate(EntryPoint(name=name, value=value, group=self.group), OURS)
            for name, value in self._builtin.items()
        ]
        found = [*ours, *(_candidate(one) for one in _installed(tuple(sys.path), self.group)), *more]
        firm = {one.name for one in found if not one.gives_way}
        return [one for one in found if not one.gives_way or one.name not in firm]

    def _load(self, one: Candidate) -> T:
        key = (one.name, one.origin, one.state, tuple(sys.path))
        if key not in self._loaded:
            try:
                self._loaded[key] = self._checked(one.name, one.load())
            except Exception as error:  # whatever a plugin raises must not affect the others
                why = f"{error}" if isinstance(error, PluginError) else f"{type(error).__name__}: {error}"
                raise BrokenPluginError(
                    f"the {self.what} {one.name!r} of {one.origin} cannot be loaded ({why}); correct or uninstall it"
                ) from error
        return self._loaded[key]

    def _checked(self, name: str, found: Any) -> T:
        if isinstance(found, type):
            found = found()
        if missing := [need for need in self._needs if not hasattr(found, need)]:
            raise PluginError(f"it is not a {self.what}: it lacks {', '.join(missing)}")
        if "name" in self._needs and found.name != name:
            raise PluginError(f"it is named {found.name!r}; give {self.what} and entry point the same name")
        checked: T = found if self._check is None else self._check(name, found)
        return checked


def _candidate(one: EntryPoint, origin: str | None = None) -> Candidate:
    if origin is None:
        origin = "an unnamed package" if one.dist is None else f"{one.dist.name} {one.dist.version}"
    return Candidate(one.name, origin, one.load, one.value)


@lru_cache(maxsize=64)
def _installed(path: tuple[str, ...], group: str) -> EntryPoints:
    """Return the group's entry points of the packages on sys.path, which is part of the key: reading takes 10 ms."""
    return entry_points(group=group)
