"""Settings in digests and stored recipes: a setting that is added later changes no digest at its neutral value.

The fields of the first release are always in a recipe, whatever their value. A field that is added later is marked with
the value at which results equal those without the field:

    rescale: Annotated[float, Later(neutral=0.0)] = Field(default=0.7, description=...)

At that value it is omitted, so that everything planned, trained or measured before has the same digest. A recipe
without the field is read with that value, whatever the default has become. No torch.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, fields, is_dataclass
from functools import cache
from pathlib import PurePath
from typing import Any, TypeVar, get_type_hints

from pydantic import BaseModel

M = TypeVar("M", bound=BaseModel)


@dataclass(frozen=True)
class Later:
    """Marks a field, in its `Annotated` type, that came after the first release.

    `neutral`: the value, as JSON has it, at which results are those of a version without the field.
    """

    neutral: Any


def to_fields(settings: Any) -> dict[str, Any]:
    """Return a pydantic model or dataclass as JSON values by name, without later fields at their neutral values."""
    kind: Any = type(settings)
    later = _later(kind)
    return {
        name: value
        for name, value in ((name, _plain(getattr(settings, name))) for name in _names(kind))
        if name not in later or value != later[name]
    }


def from_fields(model: type[M], stored: Mapping[str, Any]) -> M:
    """Return the model of values that `to_fields` of this or an earlier version returned.

    Missing later fields take their neutral values. Raises pydantic.ValidationError if a value is invalid.
    """
    given = {**_later(model), **stored}
    for name, field in model.model_fields.items():
        inner = field.annotation
        if isinstance(inner, type) and issubclass(inner, BaseModel) and isinstance(given.get(name), Mapping):
            given[name] = from_fields(inner, given[name])
    return model.model_validate(given)


def to_literal(value: Any) -> str:
    """Return the value in Python's notation, such as FineTune(steps=300, mode='lora'); later fields as in `to_fields`.

    It equals the `repr` that digests of measurements were first computed from, but does not depend on any class's
    `__repr__`. A class that was renamed since states its first name as `recipe_name`.
    """
    if isinstance(value, BaseModel) or is_dataclass(value):
        kind: Any = type(value)
        later = _later(kind)
        shown = [(name, getattr(value, name)) for name in _names(kind)]
        shown = [(name, one) for name, one in shown if name not in later or _plain(one) != later[name]]
        name = getattr(kind, "recipe_name", kind.__name__)
        return f"{name}({', '.join(f'{name}={to_literal(one)}' for name, one in shown)})"
    if isinstance(value, Mapping):
        return "{" + ", ".join(f"{to_literal(key)}: {to_literal(one)}" for key, one in value.items()) + "}"
    if isinstance(value, tuple):
        return f"({', '.join(map(to_literal, value))}{',' if len(value) == 1 else ''})"
    if isinstance(value, list):
        return f"[{', '.join(map(to_literal, value))}]"
    if isinstance(value, PurePath):
        return f"PosixPath({value.as_posix()!r})"
    if value is None or isinstance(value, str | int | float):
        return repr(value)  # a Python literal
    raise TypeError(f"{type(value).__name__} has no notation in recipes; give numbers, text, or settings of these")


def _plain(value: Any) -> Any:
    """Return the value as JSON has it."""
    if isinstance(value, BaseModel) or is_dataclass(value):
        return to_fields(value)
    if isinstance(value, Mapping):
        return {key: _plain(one) for key, one in value.items()}
    if isinstance(value, list | tuple):
        return [_plain(one) for one in value]
    if value is None or isinstance(value, str | int | float):
        return value
    raise TypeError(f"{type(value).__name__} is not a JSON value; give numbers, text, or settings of these")


@cache
def _names(kind: Any) -> tuple[str, ...]:
    return tuple(kind.model_fields) if issubclass(kind, BaseModel) else tuple(one.name for one in fields(kind))


@cache
def _later(kind: Any) -> Mapping[str, Any]:
    """Return the neutral values of the fields that were added later."""
    if issubclass(kind, BaseModel):
        return _marks((name, field.metadata) for name, field in kind.model_fields.items())
    hints = get_type_hints(kind, include_extras=True)
    return _marks((one.name, getattr(hints[one.name], "__metadata__", ())) for one in fields(kind))


def _marks(fields: Iterable[tuple[str, Iterable[Any]]]) -> dict[str, Any]:
    return {name: mark.neutral for name, marks in fields for mark in marks if isinstance(mark, Later)}
