"""Reads the numbers of a training: those that ship under a name, or a YAML file of the user's."""

from __future__ import annotations

from dataclasses import dataclass
from importlib import resources
from pathlib import Path
from typing import Generic, TypeVar

import yaml
from pydantic import BaseModel, ValidationError

Numbers = TypeVar("Numbers", bound=BaseModel)


@dataclass(frozen=True)
class Presets(Generic[Numbers]):
    """The YAML files in a folder of a package. `like`: the preset that errors name as an example of all keys."""

    kind: type[Numbers]
    package: str
    folder: str
    like: str

    def names(self) -> list[str]:
        """Return the names of the presets, sorted."""
        files = (resources.files(self.package) / self.folder).iterdir()
        return sorted(one.name.removesuffix(".yaml") for one in files if one.name.endswith(".yaml"))

    def load(self, name: str) -> Numbers:
        """Load a preset by its name, or numbers from a YAML file.

        Raises:
            ValueError: there is no such preset or file, or it is invalid; the message names the key.
        """
        names = self.names()
        if name not in names and not Path(name).is_file():
            raise ValueError(f"{name!r} is neither one of {', '.join(names)} nor a YAML file")
        place = resources.files(self.package) / self.folder / f"{name}.yaml" if name in names else Path(name)
        try:
            return self.kind.model_validate(yaml.safe_load(place.read_text(encoding="utf-8")))
        except (yaml.YAMLError, UnicodeDecodeError) as error:
            raise ValueError(f"{name} is not YAML: {' '.join(str(error).split())}") from error
        except ValidationError as error:
            wrong = error.errors(include_url=False)[0]
            where = "".join(f"{part}." for part in wrong["loc"]).removesuffix(".") or "the file"
            raise ValueError(f"{name}: {where}: {wrong['msg']}; see the preset {self.like}") from error
