"""Finds the reference that a form is about, and records who changed what of it."""

from __future__ import annotations

from typing import Any

from sqlalchemy.orm import Session

from deploy.dashboard.access.rights import Person
from deploy.dashboard.eyes.findings import versions_of
from deploy.dashboard.resources import Resources
from storage.catalog import views, writes
from storage.catalog.records import CatalogError
from storage.catalog.views import ReferenceView, SubjectDetail


def reference_of(known: Resources, subject_id: int, reference_id: int) -> tuple[SubjectDetail, ReferenceView]:
    """Return a subject and one of its references. Raises CatalogError if it is not this subject's."""
    with known.catalog.read() as s:
        one = views.subject(s, subject_id)
    reference = next((ref for ref in one.references if ref.id == reference_id), None)
    if reference is None:
        raise CatalogError(f"reference {reference_id} is not one of {one.name}; reload the page")
    return one, reference


def check_seen(s: Session, reference: ReferenceView, kind: str, seen: int | None) -> None:
    """Raise VersionConflictError if the form shows another version than the one in use.

    `seen`: the id in the form, 0 if there was no version yet; None: the form shows none and replaces whatever there is.
    """
    if seen is not None:
        writes.demand_seen(s, reference_id=reference.id, kind=kind, seen=seen or None)


def audit_change(
    s: Session,
    person: Person,
    action: str,
    one: SubjectDetail,
    reference: ReferenceView,
    kind: str,
    after: dict[str, Any],
) -> None:
    """Record a change of what is known of a reference; what was in use before is read from `reference`."""
    current = next(iter(versions_of(reference, kind)), None)
    before: dict[str, Any] = {}
    if current is not None:
        before = {kind: current.content, "version": current.number}
    writes.record_audit(
        s,
        actor=person.name,
        action=action,
        entity="reference",
        entity_id=reference.id,
        before=before,
        after=after | {"subject": one.name},
    )
