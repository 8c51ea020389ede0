"""Reads the YAML text of a profile's file, and says what is wrong with its keys and values in sentences."""

from __future__ import annotations

import difflib
import re
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import yaml
from pydantic import BaseModel, ValidationError

from dreamtuner.plugins import PluginError
from dreamtuner.settings.finetune import Rates


class ProfileError(PluginError):
    """A profile file that cannot be used; the message names its keys and what to write."""


def read_mapping(file: Path) -> Mapping[str, Any]:
    """Return the keys and values of a profile's file. Raises ProfileError if it cannot be read or has no keys."""
    try:
        content = yaml.load(file.read_text(encoding="utf-8"), _Loader)
    except (OSError, UnicodeDecodeError) as error:
        raise ProfileError(f"cannot be read: {error}") from error
    except yaml.YAMLError as error:
        raise ProfileError(f"is not YAML: {' '.join(str(error).split())}") from error
    return content if isinstance(content, Mapping) else {}


def invalid(error: ValidationError, model: type[BaseModel], *at: str) -> ProfileError:
    """Return the error of values that `model` rejects: one sentence each, with the key below `at`."""
    return ProfileError("; ".join(_problems(error, model, at)))


def _problems(error: ValidationError, model: type[BaseModel], at: Sequence[str] = ()) -> Iterator[str]:
    """Yield one sentence per problem: the key, the value found, what to write."""
    for one in error.errors(include_url=False):
        where, key = ".".join(map(str, (*at, *one["loc"]))), str(one["loc"][-1]) if one["loc"] else ""
        if one["type"] == "missing":
            yield f"{where}: is missing; add it"
        elif one["type"] == "extra_forbidden":
            keys = list((Rates if "lr" in one["loc"][:-1] else model).model_fields)
            near = difflib.get_close_matches(key, keys, n=1)
            yield f"{where}: unknown key; " + (f"did you mean {near[0]}?" if near else f"known: {', '.join(keys)}")
        else:
            message = one["msg"].removeprefix("Value error, ")
            yield f"{where}: {message[:1].lower()}{message[1:]} (found {one['input']!r})"


class _Loader(yaml.SafeLoader):
    """Parses 4e-4 as a number, as YAML 1.2 does (PyYAML parses it as a string), and rejects duplicate keys."""

    def construct_mapping(self, node: yaml.MappingNode, deep: bool = False) -> dict[Any, Any]:
        """Reject duplicate keys."""
        seen = set[Any]()
        for key, _ in node.value:
            if key.value in seen:
                problem = f"duplicate key {key.value!r}; remove one"
                raise yaml.constructor.ConstructorError(None, None, problem, key.start_mark)
            seen.add(key.value)
        return super().construct_mapping(node, deep)


_EXPONENT = re.compile(r"^[-+]?\d+(\.\d*)?[eE][-+]?\d+$")
_Loader.add_implicit_resolver("tag:yaml.org,2002:float", _EXPONENT, list("-+0123456789"))
