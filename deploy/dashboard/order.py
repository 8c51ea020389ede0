"""From a form to the parameters of a flow: the catalog's own form, and one that follows from any flow's schema."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from starlette.datastructures import FormData

from deploy.dashboard.prefect_api import Deployment
from storage.catalog.records import CatalogError
from storage.catalog.views import SubjectDetail

CATALOG = "catalog/catalog"
MAX_TEXT = 20_000
Form = FormData


@dataclass(frozen=True)
class Field:
    """One parameter in a form; `kind` is "text", "number", "checkbox" or "json"."""

    name: str
    title: str
    kind: str
    required: bool
    value: str
    words: str


def fields(of: Deployment) -> list[Field]:
    """The fields of the flow's parameters: plain ones for plain types, JSON for the rest."""
    found = []
    required = of.schema.get("required", [])
    for name, about in (of.schema.get("properties") or {}).items():
        kind = {"string": "text", "integer": "number", "number": "number", "boolean": "checkbox"}.get(
            about.get("type", ""), "json"
        )
        value = of.parameters.get(name, about.get("default"))
        shown = "" if value is None else value if isinstance(value, str) else json.dumps(value)
        found.append(Field(name, about.get("title", name), kind, name in required, shown, about.get("description", "")))
    return found


def parameters(of: Deployment, form: Mapping[str, Any]) -> dict[str, Any]:
    """What the form says, as JSON values; CatalogError names the field that cannot be read."""
    found: dict[str, Any] = {}
    for field in fields(of):
        text = str(form.get(f"p.{field.name}") or "").strip()[:MAX_TEXT]
        if field.kind == "checkbox":
            found[field.name] = bool(text)
        elif text and field.kind == "text":
            found[field.name] = text
        elif text:
            try:
                found[field.name] = json.loads(text)
            except ValueError as error:
                raise CatalogError(f"{field.title}: this is not JSON ({error}); correct it") from None
        elif field.required:
            raise CatalogError(f"{field.title}: fill this in")
    return found


def catalog_order(form: Mapping[str, Any], subjects: Sequence[SubjectDetail]) -> dict[str, Any]:
    """The spec of a new catalog run of subjects that are known; the flow itself checks it once more."""
    name, profile = (str(form.get(field) or "").strip() for field in ("name", "profile"))
    prompts = [line.strip() for line in str(form.get("prompts") or "")[:MAX_TEXT].splitlines() if line.strip()]
    if not name or not prompts or not subjects:
        raise CatalogError("give the run a name, at least one subject and at least one prompt, one a line")
    spec: dict[str, Any] = {"name": name, "profile": profile or "pocket", "prompts": prompts}
    spec["seeds"] = seeds(str(form.get("seeds") or ""))
    spec["subjects"] = [
        {
            "name": one.name,
            "class_word": one.class_word,
            "style": one.style,
            "reference": one.references[0].source,
            "caption": one.references[0].caption,
        }
        for one in subjects
        if one.references
    ]
    return {"spec": spec}


def seeds(text: str) -> list[int]:
    """ "1-4, 9" as [1, 2, 3, 4, 9]."""
    found: list[int] = []
    for part in text.replace(",", " ").split():
        low, dash, high = part.partition("-")
        if not low.isdecimal() or (dash and not high.isdecimal()):
            raise CatalogError(f"seeds: {part[:20]!r} is no number or range; write for example 1-4, 9")
        span = range(int(low), int(high if dash else low) + 1)
        if not 1 <= len(span) <= 1000 or len(found) + len(span) > 1000:
            raise CatalogError("seeds: use at most 1000, with ranges that rise")
        found += span
    if not found:
        raise CatalogError("seeds: give at least one")
    return list(dict.fromkeys(found))
