"""Builds the reference of /api/v1 from its OpenAPI document."""

import json
from pathlib import Path
from typing import Any

from docs.generate.markdown import code, escaped, table

DOCUMENT = Path(__file__).parents[1] / "reference" / "openapi.json"


def rest_page() -> str:
    """Returns the operations by resource, and the fields of what is sent and answered."""
    document = json.loads(DOCUMENT.read_text(encoding="utf-8"))
    by_tag: dict[str, list[list[str]]] = {}
    for path, operations in document["paths"].items():
        for method, about in operations.items():
            right = ", ".join(about["security"][0]["token"]) or "any token"
            row = [code(f"{method.upper()} {path}"), right, escaped(about["description"])]
            by_tag.setdefault(about["tags"][0], []).append(row)
    parts = [f"## {tag}\n\n{table(['Request', 'Right', 'What it does'], rows)}\n" for tag, rows in by_tag.items()]
    schemas = document["components"]["schemas"]
    parts += ["## Fields\n"]
    for name, schema in schemas.items():
        fields = schema.get("properties")
        if fields and not name.startswith("Listed"):
            rows = [
                [code(field), _kind(about), escaped(about.get("description", ""))] for field, about in fields.items()
            ]
            parts.append(
                f"### {name}\n\n{escaped(schema.get('description', ''))}\n\n{table(['Field', 'Type', ''], rows)}"
            )
    return "\n".join(parts)


def _kind(about: dict[str, Any]) -> str:
    """Returns a field's type in words."""
    if "$ref" in about:
        return code(about["$ref"].rpartition("/")[2])
    if "anyOf" in about:
        return " or ".join(dict.fromkeys(_kind(one) for one in about["anyOf"]))
    if "enum" in about or "const" in about:
        return ", ".join(code(one) for one in about.get("enum", [about.get("const")]))
    if about.get("type") == "array":
        return f"list of {_kind(about.get('items', {}))}"
    return str(about.get("format") or about.get("type") or "any")
