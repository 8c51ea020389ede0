"""Describes pydantic models as Markdown tables: every field, its type and range, its default and its description."""

from typing import Any

from pydantic import BaseModel
from pydantic.fields import FieldInfo

from docs.generate.markdown import code, escaped, table

_RANGE = (("minimum", ">= {}"), ("exclusiveMinimum", "> {}"), ("maximum", "<= {}"), ("exclusiveMaximum", "< {}"))
_RANGE += (("multipleOf", "multiple of {}"), ("maxLength", "at most {} characters"))


def fields_table(model: type[BaseModel]) -> str:
    """Returns one row a field of `model`, in the order of the fields."""
    schema = model.model_json_schema(by_alias=True)
    rows = []
    for name, field in model.model_fields.items():
        key = field.alias or name
        what = schema["properties"][key]
        rows.append([code(key), _kind(what, schema), _default(field), escaped(field.description or "")])
    return table(["Field", "Type", "Default", "Meaning"], rows)


def _kind(what: dict[str, Any], schema: dict[str, Any]) -> str:
    """Returns the type of a field in words: text, number, list of text or null."""
    if "$ref" in what:
        what = schema["$defs"][what["$ref"].rpartition("/")[2]]
        return escaped(str(what.get("title", "mapping")))
    if "anyOf" in what:
        return " or ".join(dict.fromkeys(_kind(one, schema) for one in what["anyOf"]))
    if "enum" in what:
        return ", ".join(code(one) for one in what["enum"])
    if "const" in what:
        return code(what["const"])
    kind = what.get("type", "any")
    if kind == "array":
        return f"list of {_kind(what.get('items', {}), schema)}"
    names = {"string": "text", "integer": "integer", "number": "number", "boolean": "true or false"}
    words = names.get(kind, {"object": "mapping", "null": "null"}.get(kind, "any value"))
    ranges = [escaped(form.format(what[key])) for key, form in _RANGE if key in what]
    return f"{words}, {', '.join(ranges)}" if ranges else words


def _default(field: FieldInfo) -> str:
    if field.is_required():
        return "required"
    value = field.default
    if field.default_factory is not None:
        return "`{}`" if field.default_factory is dict else "see meaning"
    if value is None:
        return "`null`"
    if isinstance(value, bool):
        return code(str(value).lower())
    if isinstance(value, tuple):
        return code("[" + ", ".join("null" if one is None else str(one) for one in value) + "]")
    return "empty" if value == "" else code(value)
