"""Converts hand-written forms to flow parameters; all other forms are built from the flow's schema (schema_form.py)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from sqlalchemy.orm import Session
from starlette.datastructures import FormData

from deploy.dashboard.eyes.backends import MASK, backends_of, kinds_with_backends
from deploy.dashboard.pages import kind_name
from deploy.dashboard.schema_form import MAX_TEXT, Field, read
from storage.catalog import views
from storage.catalog.name_conflicts import differences, name_taken_message, unknown_name_message
from storage.catalog.records import CAPTION, CatalogError, NotInCatalogError
from storage.catalog.views import SubjectDetail

CATALOG, ATTENTION, INGEST = "catalog/catalog", "attention/attention", "ingest/ingest"
MAX_SEEDS = 1000
POINTED = 192  # pixels: the longer side of the picture on which a point is chosen
Form = FormData
ASKED = ("name", "profile", "subjects", "prompts", "seeds")
"""Fields of a spec that the form of a catalog run asks for in its own way."""


@dataclass(frozen=True)
class FurtherFields:
    """The fields of a catalog run beyond those that its form asks for in its own way, and the profiles to choose from.

    `spec`: the rest of the spec; `flow`: how the flow runs it, such as `new_weights`.
    """

    profiles: Sequence[str] = ()
    default_profile: str = ""
    spec: Sequence[Field] = ()
    flow: Sequence[Field] = ()

    @classmethod
    def of(cls, fields: Sequence[Field]) -> FurtherFields:
        """Divide the fields of the flow's schema; what a worker's version of the flow does not know is not offered."""
        spec = next((one.fields for one in fields if one.name == "spec"), ())
        profile = next((one for one in spec if one.name == "profile"), None)
        return cls(
            () if profile is None else profile.options,
            "" if profile is None else profile.value,
            [_with_choices(one) for one in spec if one.name not in ASKED],
            [one for one in fields if one.name != "spec"],
        )


def _with_choices(field: Field) -> Field:
    """Offer the installed maskers, captioners and estimators, of which the schema only says that they are texts."""
    if field.name in ("masker", "captioner"):
        kind = MASK if field.name == "masker" else CAPTION
        return replace(field, kind="select", options=[one.name for one in backends_of(kind)])
    if field.name == "estimators":
        names = {kind: [one.name for one in backends_of(kind)] for kind in kinds_with_backends()}
        by_kind = [
            Field(f"{field.key}.{kind}", kind, kind_name(kind), "select", False, "", "", options=found)
            for kind, found in names.items()
        ]
        return replace(field, kind="group", fields=by_kind)
    return field


def catalog_parameters(
    form: Mapping[str, Any], subjects: Sequence[SubjectDetail], further: FurtherFields = FurtherFields()
) -> dict[str, Any]:
    """Build the parameters of a catalog run of existing subjects; the flow validates them again."""
    name, profile = (str(form.get(field) or "").strip() for field in ("name", "profile"))
    prompts = [line.strip() for line in str(form.get("prompts") or "")[:MAX_TEXT].splitlines() if line.strip()]
    if not name or not prompts or not subjects:
        raise CatalogError("give the run a name, at least one subject and at least one prompt, one per line")
    spec: dict[str, Any] = {"name": name, "prompts": prompts} | ({"profile": profile} if profile else {})
    spec["seeds"] = seeds(str(form.get("seeds") or ""))
    spec["subjects"] = [
        {"name": one.name}  # the catalog has the rest, also for a worker on another machine
        for one in subjects
        if one.references
    ]
    return {"spec": spec | read(form, further.spec)} | read(form, further.flow)


def detection_parameters(subject: str, kind: str, backend: str) -> dict[str, Any]:
    """Build the parameters of an ingestion that finds one thing of a subject's reference again, by this backend."""
    wanted = f"auto:{backend}"
    found = {kind: wanted} if kind in ("mask", "caption", "pose", "depth") else {"controls": {kind: wanted}}
    return {"subjects": [{"name": subject} | found]}


def check_names(given: Mapping[str, Any], s: Session) -> None:
    """Raise CatalogError if flow parameters name an unknown subject, or contradict the stored one of that name.

    References given as a path on a worker cannot be read here: the flow compares them and reports on the run's page.
    """
    spec = given.get("spec")
    entries = spec.get("subjects") if isinstance(spec, Mapping) else given.get("subjects")
    for one in entries if isinstance(entries, list) else ():
        if not isinstance(one, Mapping) or not isinstance(one.get("name"), str) or one.get("replace"):
            continue  # the flow's own validation reports it
        try:
            stored = views.subject_assets(s, one["name"])
        except NotInCatalogError:
            if one.get("reference") is None:
                raise CatalogError(unknown_name_message(one["name"], views.subject_names(s))) from None
            continue
        style = one.get("style") or (None if one.get("reference") is None else "natural")
        found = differences(stored, class_word=one.get("class_word"), style=style)
        if found:
            raise CatalogError(name_taken_message(one["name"], stored, found))


def pointed_size(width: int | None, height: int | None) -> tuple[int, int]:
    """Return the size in which a picture is shown to choose a point, pixels."""
    if not width or not height:
        return POINTED, POINTED
    longer = max(width, height)
    return max(1, round(width * POINTED / longer)), max(1, round(height * POINTED / longer))


def attention_parameters(digest: str, form: Mapping[str, Any], shown: tuple[int, int]) -> dict[str, Any]:
    """Build the parameters of an attention map: at a clicked pixel of a picture `shown` large, or two percentages."""
    clicked = [str(form.get(f"at.{axis}") or "") for axis in "xy"]
    given, whole = (clicked, shown) if all(clicked) else ([str(form.get(axis) or "50") for axis in "xy"], (100, 100))
    try:
        point = [float(one) / length for one, length in zip(given, whole, strict=True)]
    except ValueError:
        point = [-1.0]
    if not all(0 <= one <= 1 for one in point):
        raise CatalogError("the point: give two percentages, from the left and from the top, each 0 to 100")
    return {"cell": digest, "point": ",".join(f"{one:.4g}" for one in point)}


def seeds(text: str) -> list[int]:
    """ "1-4, 9" as [1, 2, 3, 4, 9]."""
    found: list[int] = []
    for part in text.replace(",", " ").split():
        low, dash, high = part.partition("-")
        if not low.isdecimal() or (dash and not high.isdecimal()):
            raise CatalogError(f"seeds: {part[:20]!r} is not a number or range; write for example 1-4, 9")
        first, last = int(low), int(high if dash else low)
        if not first <= last < first + MAX_SEEDS - len(found):
            raise CatalogError(f"seeds: use at most {MAX_SEEDS}, with ascending ranges")
        found += range(first, last + 1)
    if not found:
        raise CatalogError("seeds: give at least one")
    return list(dict.fromkeys(found))
