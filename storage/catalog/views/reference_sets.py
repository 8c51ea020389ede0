"""Which several references a subject has now, and how much each counts."""

from collections.abc import Collection

from sqlalchemy import select
from sqlalchemy.orm import Session

from storage.catalog.records import ReferenceWeight
from storage.catalog.schema import Reference, ReferenceMember


def references_in_use(s: Session, leading_ids: Collection[int]) -> dict[int, list[ReferenceWeight]]:
    """List the references of each set in order, by the id of its first one; a reference alone has no entry."""
    rows = select(ReferenceMember, Reference.image_sha256).join(Reference, Reference.id == ReferenceMember.reference_id)
    rows = rows.where(ReferenceMember.leading_id.in_(leading_ids)).order_by(ReferenceMember.position)
    found: dict[int, list[ReferenceWeight]] = {}
    for member, sha256 in s.execute(rows):
        one = ReferenceWeight(reference_id=member.reference_id, image_sha256=sha256, weight=member.weight)
        found.setdefault(member.leading_id, []).append(one)
    return found
