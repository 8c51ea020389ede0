"""Build a form from the JSON schema of a flow's parameters, and read the parameters back from the form.

Plain types become plain fields, models become groups of fields, a list of models becomes a group for one entry, and a
list of strings becomes a text box with one entry per line, `null` for none where that is an entry. Anything else is
entered as JSON.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

from storage.catalog.records import CatalogError

MAX_TEXT = 20_000
DEEPEST = 3  # groups within groups
NONE = "null"
Kind = Literal["text", "number", "checkbox", "select", "lines", "group", "groups", "json"]
_PLAIN: Mapping[str, Kind] = {"string": "text", "integer": "number", "number": "number", "boolean": "checkbox"}


@dataclass(frozen=True)
class Field:
    """One parameter, named `key` in the form. A "group" holds `fields`; "groups" is a list with one such entry.

    `whole`: the number is an integer; `nullable`: an entry of the list may be null.
    """

    key: str
    name: str
    title: str
    kind: Kind
    required: bool
    value: str
    words: str
    whole: bool = False
    options: Sequence[str] = ()
    fields: Sequence[Field] = ()
    nullable: bool = False


def fields(schema: Mapping[str, Any], values: Mapping[str, Any]) -> list[Field]:
    """Build the fields of an object's properties, filled with `values` or the schema's defaults."""
    definitions = {**(schema.get("$defs") or {}), **(schema.get("definitions") or {})}
    return _fields(schema, values, definitions, "p", 0)


def _fields(
    schema: Mapping[str, Any], values: Mapping[str, Any], definitions: Mapping[str, Any], key: str, depth: int
) -> list[Field]:
    required = schema.get("required") or ()
    return [
        _field(
            f"{key}.{name}", name, about, values.get(name, about.get("default")), name in required, definitions, depth
        )
        for name, about in (schema.get("properties") or {}).items()
    ]


def _field(
    key: str,
    name: str,
    given: Mapping[str, Any],
    value: Any,
    required: bool,
    definitions: Mapping[str, Any],
    depth: int,
) -> Field:
    about = _resolved(given, definitions)
    title = str(given.get("title") or name).replace("_", " ").lower().capitalize()
    words = str(given.get("description") or about.get("description") or "").strip()
    items = _resolved(about.get("items") or {}, definitions)
    inner: list[Field] = []
    if "enum" in about:
        kind: Kind = "select"
    elif about.get("type") == "array" and items.get("properties") and depth < DEEPEST:
        kind, inner = "groups", _fields(items, {}, definitions, key, depth + 1)
    elif about.get("type") == "array" and items.get("type") == "string":
        kind = "lines"
    elif about.get("properties") and depth < DEEPEST:
        kind, inner = "group", _fields(about, value if isinstance(value, Mapping) else {}, definitions, key, depth + 1)
    else:
        kind = _PLAIN.get(str(about.get("type")), "json")
    options = [str(one) for one in about.get("enum") or ()]
    whole = about.get("type") == "integer"
    nullable = {"type": "null"} in (items.get("anyOf") or ())
    return Field(key, name, title, kind, required, _shown(kind, value), words, whole, options, inner, nullable)


def _resolved(about: Mapping[str, Any], definitions: Mapping[str, Any]) -> Mapping[str, Any]:
    """Resolve a $ref, and for a nullable type its non-null alternative."""
    if "$ref" in about:
        return _resolved(definitions.get(str(about["$ref"]).rpartition("/")[2], {}), definitions)
    choices = [one for one in about.get("anyOf") or about.get("allOf") or () if one.get("type") != "null"]
    lists = [one for one in choices if one.get("type") == "array"]
    choices = lists if lists and not about.get("allOf") else choices  # a list of subjects, or a feed of them
    return {**about, **_resolved(choices[0], definitions)} if len(choices) == 1 else about


def _shown(kind: Kind, value: Any) -> str:
    if kind == "lines" and isinstance(value, list | tuple):
        return "" if list(value) == [None] else "\n".join(NONE if one is None else str(one) for one in value)
    return "" if value is None else value if isinstance(value, str) else json.dumps(value)


def read(form: Mapping[str, Any], of: Sequence[Field]) -> dict[str, Any]:
    """Read the form as JSON values, without empty fields. Raises CatalogError naming a field that cannot be read."""
    found: dict[str, Any] = {}
    for field in of:
        if field.kind in ("group", "groups"):
            inner = read(form, field.fields) if _touched(form, field) or field.required else None
            if inner is not None:
                found[field.name] = [inner] if field.kind == "groups" else inner
            continue
        text = _text(form, field)
        if field.kind == "checkbox":
            found[field.name] = bool(text)
        elif text:
            found[field.name] = _value(field, text)
        elif field.required:
            raise CatalogError(f"{field.title}: fill this in")
    return found


def _value(field: Field, text: str) -> Any:
    if field.kind == "lines":
        lines = [line.strip() for line in text.splitlines() if line.strip()]
        return [None if field.nullable and line == NONE else line for line in lines]
    if field.kind in ("text", "select"):
        return text
    try:
        value = json.loads(text)
    except ValueError as error:
        said = "not a number" if field.kind == "number" else f"not JSON ({error})"
        raise CatalogError(f"{field.title}: {text[:40]!r} is {said}; correct it") from None
    if field.kind == "number" and (isinstance(value, bool) or not isinstance(value, int | float)):
        raise CatalogError(f"{field.title}: {text[:40]!r} is not a number; correct it")
    return value


def _touched(form: Mapping[str, Any], group: Field) -> bool:
    """Return whether anything differs from the initial values."""
    return any(
        _touched(form, one) if one.fields else _text(form, one) not in ("", _initial(one)) for one in group.fields
    )


def _initial(field: Field) -> str:
    """Return what the form holds before anybody touches it: of a list without an empty choice the first one."""
    return field.value or (field.options[0] if field.kind == "select" and field.required and field.options else "")


def _text(form: Mapping[str, Any], field: Field) -> str:
    return str(form.get(field.key) or "").strip()[:MAX_TEXT]
