"""Reads the rooms of each package and the imports between them, as the architecture test holds them."""

import ast
from collections import Counter
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from tests.test_architecture import ROOMS_IN_ORDER, imports

ROOT = Path(__file__).resolve().parents[2]
PACKAGES = ("dreamtuner", "storage", "flows", "deploy")


@dataclass(frozen=True)
class Room:
    """A folder or a single module of a package: `name` is dotted, `about` the first sentence of its docstring."""

    package: str
    name: str
    about: str
    modules: tuple[str, ...]

    @property
    def full_name(self) -> str:
        """The dotted name with its package."""
        return f"{self.package}.{self.name}"


def rooms_of(package: str) -> list[Room]:
    """Returns the rooms of `package` in their order: each imports only from rooms before it."""
    modules = _modules(package)
    rooms = []
    for name in ROOMS_IN_ORDER[package]:
        own = tuple(module for module in modules if room_of(module) == (package, name))
        if own:
            rooms.append(Room(package, name, _about(own[0]), own))
    return rooms


def room_of(module: str) -> tuple[str, str] | None:
    """Returns package and innermost room of a dotted module name; None for what stands in none, as a package itself."""
    package, _, rest = module.partition(".")
    holding = [room for room in ROOMS_IN_ORDER.get(package, ()) if rest == room or rest.startswith(f"{room}.")]
    return (package, max(holding, key=len)) if holding else None


@cache
def arrows() -> Counter[tuple[tuple[str, str], tuple[str, str]]]:
    """Returns how many imports lead from one room to another, over all packages."""
    found: Counter[tuple[tuple[str, str], tuple[str, str]]] = Counter()
    for one in imports(ROOT):
        here, there = room_of(_dotted(one.file)), room_of(one.module)
        if here and there and here != there:
            found[here, there] += 1
    return found


def _dotted(file: str) -> str:
    return file.removesuffix(".py").removesuffix("/__init__").replace("/", ".")


def _modules(package: str) -> list[str]:
    """Returns all modules of a package by dotted name, folders before what is in them; without the migrations."""
    files = sorted((ROOT / package).rglob("*.py"), key=lambda path: _dotted(path.relative_to(ROOT).as_posix()))
    return [_dotted(path.relative_to(ROOT).as_posix()) for path in files if "migrations" not in path.parts]


def _about(module: str) -> str:
    path = ROOT / module.replace(".", "/")
    file = path / "__init__.py" if path.is_dir() else path.with_suffix(".py")
    text = ast.get_docstring(ast.parse(file.read_bytes())) or ""
    return " ".join(text.partition("\n\n")[0].split())
