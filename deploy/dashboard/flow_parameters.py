"""Converts hand-written forms to flow parameters; all other forms are built from the flow's schema (schema_form.py)."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from sqlalchemy.orm import Session

from storage.catalog import views
from storage.catalog.name_conflicts import differences, name_taken_message, unknown_name_message
from storage.catalog.narrowing import viewer_of
from storage.catalog.records import CatalogError, NotInCatalogError

CATALOG, ATTENTION, INGEST = "catalog/catalog", "attention/attention", "ingest/ingest"
POINTED = 192  # pixels: the longer side of the picture on which a point is chosen


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
    named = [one for one in (entries if isinstance(entries, list) else ()) if isinstance(one, Mapping)]
    _check_seen(given, s)
    for one in named:
        if not isinstance(one.get("name"), str):
            continue  # the flow's own validation reports it
        if views.hidden_names(s, [one["name"]]):
            raise CatalogError(f"name {one['name']!r} is taken; choose another")
        if one.get("replace"):
            continue
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
    if isinstance(spec, Mapping):
        project = spec.get("project")
        names = [str(one.get("name")) for one in named]
        of = views.project_of_order(s, project if isinstance(project, str) else None, names)
        if of is not None and (said := views.over_quota(views.quota_left(s, of.id), None)):
            raise CatalogError(said)


def _check_seen(given: Mapping[str, Any], s: Session) -> None:
    """Raise NotInCatalogError if a parameter names a subject, cell or run that the session does not see."""
    subject, cell, run = (given.get(name) for name in ("subject", "cell", "run_id"))
    if isinstance(subject, str) and views.hidden_names(s, [subject]):
        raise NotInCatalogError(unknown_name_message(subject, views.subject_names(s)))
    if viewer_of(s) is not None and isinstance(cell, str) and not views.digests_beginning(s, [cell]):
        raise NotInCatalogError(f"cell: {cell[:12]!r} is not in the catalog; each output's page names its own")
    if isinstance(run, str):
        views.run(s, run)


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
