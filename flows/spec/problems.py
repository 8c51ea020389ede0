"""Describes invalid input for people: the path of the field, the value found, and the remedy."""

import difflib
from collections.abc import Iterator, Sequence
from datetime import date
from typing import Any, get_args

from pydantic import BaseModel, ValidationError

_KINDS = {"string_type": "text", "int_type": "a whole number", "float_type": "a number", "float_parsing": "a number"}
_KINDS |= {"int_parsing": "a whole number", "int_from_float": "a whole number", "bool_type": "true or false"}
_KINDS |= {"model_type": "a mapping of keys to values", "model_attributes_type": "a mapping of keys to values"}
_KINDS |= {"tuple_type": "a list", "list_type": "a list", "dict_type": "a mapping of keys to values"}


class Problem(BaseModel):
    """One problem: its path (keys and indices from the top) and the remedy."""

    path: tuple[str | int, ...]
    message: str
    line: int | None = None
    """Line of the file, from 1; None where there is no file."""

    def __str__(self) -> str:
        where = f"line {self.line}: " if self.line is not None else ""
        name = dotted(self.path)
        return f"{where}{name}: {self.message}" if name else f"{where}{self.message}"


class InputError(ValueError):
    """Invalid input, with all its problems. `source` names the file or the argument."""

    def __init__(self, source: str, problems: Sequence[Problem]) -> None:
        super().__init__(source, list(problems))
        self.source = source
        self.problems = list(problems)

    def __str__(self) -> str:
        return "\n".join(f"{self.source}: {problem}" for problem in self.problems)


class SubjectError(ValueError):
    """A subject that cannot be ingested; the message names the field (reference, mask) and the remedy."""


def placed_in(i: int, message: str) -> str:
    """Return the message of a SubjectError with the place of the i-th subject, if it names an entry of `references`."""
    return f"subjects[{i}].{message}" if message.startswith("references[") else message


def dotted(path: Sequence[str | int]) -> str:
    """("subjects", 0, "style") -> "subjects[0].style"; a key with characters that cannot be seen is in quotes."""
    keys = (str(part) if str(part).isprintable() else repr(part) for part in path)
    named = (f"[{key}]" if isinstance(part, int) else f".{key}" for key, part in zip(keys, path, strict=True))
    return "".join(named).removeprefix(".")


def problems_of(error: ValidationError, model: type[BaseModel], at: Sequence[str | int] = ()) -> list[Problem]:
    """Convert the errors of a failed validation of `model`, located at `at`, to problems."""
    found = [dict(one) for one in error.errors(include_url=False)]
    # pydantic also calls a list too short after dropping invalid elements: report only those
    echoes = [one for one in found if one["type"] == "too_short" and any(_inside(other, one) for other in found)]
    return [problem for one in found if one not in echoes for problem in _problems(one, model, tuple(at))]


def _inside(inner: dict[str, Any], outer: dict[str, Any]) -> bool:
    depth = len(outer["loc"])
    return len(inner["loc"]) > depth and inner["loc"][:depth] == outer["loc"]


def _problems(found: dict[str, Any], model: type[BaseModel], at: tuple[str | int, ...]) -> list[Problem]:
    """Convert one error; a validator of many places may have found several problems."""
    inner = found.get("ctx", {}).get("error")
    if isinstance(inner, PlacedErrors):
        here = at + tuple(found["loc"])
        return [Problem(path=here + one.path, message=str(one)) for one in inner.errors]
    return [_problem(found, model, at)]


def _problem(found: dict[str, Any], model: type[BaseModel], at: tuple[str | int, ...]) -> Problem:
    path = at + tuple(found["loc"])
    context, given = found.get("ctx", {}), _shown(found.get("input"))
    inner = context.get("error")
    if found["type"] == "value_error" and isinstance(inner, PlacedError):
        return Problem(path=path + inner.path, message=str(inner))
    match found["type"]:
        case "value_error":
            message = str(inner)
        case "missing":
            message = "is missing; add it"
        case "extra_forbidden":
            message = _unknown(str(path[-1]), _keys_at(model, found["loc"][:-1]))
        case "literal_error":
            message = f"must be {context['expected']}, not {given}"
        case "string_pattern_mismatch":
            message = f"invalid value {given}: {_rule_at(model, found['loc'])}"
        case "string_too_short" | "too_short":
            message = "is empty; give at least one"
        case "string_too_long":
            message = f"is longer than {context['max_length']} characters; shorten it"
        case "greater_than_equal":
            message = f"is {given}; give {_number(context['ge'])} or more"
        case "greater_than":
            message = f"is {given}; give more than {_number(context['gt'])}"
        case "less_than_equal":
            message = f"is {given}; give {_number(context['le'])} or less"
        case kind if kind in _KINDS:
            quoted = kind == "string_type" and isinstance(found["input"], int | float | date | dict)
            message = f"must be {_KINDS[kind]}, not {given}{'; put it in quotes' if quoted else ''}"
        case _:
            message = f"{found['msg'][0].lower()}{found['msg'][1:]} (found {given})"
    return Problem(path=path, message=message)


class PlacedError(ValueError):
    """Raised in a validator for a nested value: `path` continues the validated field's own."""

    def __init__(self, path: Sequence[str | int], message: str) -> None:
        super().__init__(message)
        self.path = tuple(path)


class PlacedErrors(ValueError):
    """Raised in a validator for several problems, each with its path."""

    def __init__(self, errors: Sequence[PlacedError]) -> None:
        super().__init__("; ".join(str(one) for one in errors))
        self.errors = list(errors)


def _shown(value: Any) -> str:
    text = "null" if value is None else repr(value)
    return text if len(text) <= 60 else f"{text[:57]}..."


def _number(value: float) -> str:
    return str(int(value)) if float(value).is_integer() else str(value)


def _unknown(key: str, known: Sequence[str]) -> str:
    close = difflib.get_close_matches(key, known, n=1)
    hint = f"did you mean {close[0]!r}?" if close else f"remove it; the keys here are {', '.join(known)}"
    return f"unknown key; {hint}"


def _model_at(model: type[BaseModel], path: Sequence[str | int]) -> type[BaseModel]:
    """Return the model at `path`, also inside lists."""
    for part in path:
        if isinstance(part, str) and part in model.model_fields:
            model = next(_models_in(model.model_fields[part].annotation), model)
    return model


def _models_in(annotation: Any) -> Iterator[type[BaseModel]]:
    """Yield the models in the annotation of a field, such as tuple[Model, ...] | None."""
    if isinstance(annotation, type) and not get_args(annotation) and issubclass(annotation, BaseModel):
        yield annotation
    for one in get_args(annotation):
        yield from _models_in(one)


def _keys_at(model: type[BaseModel], path: Sequence[str | int]) -> list[str]:
    return [field.alias or name for name, field in _model_at(model, path).model_fields.items()]


def _rule_at(model: type[BaseModel], path: Sequence[str | int]) -> str:
    """Return the description of the field, which explains its pattern."""
    names = [part for part in path if isinstance(part, str)]
    field = _model_at(model, path[:-1]).model_fields.get(names[-1])
    return (field.description if field is not None else None) or "use plain text"
