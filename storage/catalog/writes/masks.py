"""Masks of references: versions, the current one, its origin and warnings."""

from collections.abc import Mapping, Sequence

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from storage.catalog.precedence import keeps_current
from storage.catalog.records import CatalogError, Given, NotInCatalogError
from storage.catalog.schema import Mask, Reference
from storage.catalog.writes.blobs import require_blob
from storage.catalog.writes.ids import next_id
from storage.catalog.writes.lineage import record_event
from storage.catalog.writes.versions import lock, make_current

_BY_METHOD: Mapping[str, Given] = {"user": "spec", "given": "dashboard", "alpha": "file"}


def add_mask(
    s: Session,
    *,
    reference_id: int,
    mask_sha256: str,
    method: str,
    confidence: float,
    doubtful: bool,
    warnings: Sequence[str] | None = None,
    licence: str | None = None,
    given: Given | None = None,
    giver: str | None = None,
    requested: bool = False,
    insist: bool = False,
) -> int:
    """Add a mask to the reference and return its id. It becomes the current mask unless a person's mask has precedence.

    `confidence` lies in 0..1; `doubtful` requests a check by a person, `warnings` are the reasons, `licence` is that of
    the masker's model. `given` is its origin (by default that of its method), `giver` the person; `requested` (a person
    requested its detection) and `insist` are those of `keeps_current`. The same mask by the same method is the same
    row, any other a new version. Planned cells do not change their mask.
    """
    if not 0 <= confidence <= 1:
        raise CatalogError(f"confidence {confidence} is outside 0..1; pass a probability")
    given = given or _BY_METHOD.get(method, "found")
    require_blob(s, "mask_sha256", mask_sha256)
    lock(s, Reference, "reference_id", reference_id)
    of_reference = select(Mask).where(Mask.reference_id == reference_id)
    current = s.scalar(of_reference.order_by(Mask.turn.desc()).limit(1))
    row = s.scalar(of_reference.where(Mask.mask_sha256 == mask_sha256, Mask.method == method))
    stay = current is not row and keeps_current(current, row, given=given, requested=requested, insist=insist)
    new = row is None
    if row is None:
        version = s.scalar(select(func.max(Mask.version)).where(Mask.reference_id == reference_id)) or 0
        row = Mask(reference_id=reference_id, mask_sha256=mask_sha256, method=method, version=version + 1, turn=0)
        for name, value in next_id(s, Mask).items():
            setattr(row, name, value)
        row.given, row.confidence, row.doubtful = given, confidence, doubtful
        s.add(row)
    row.confidence, row.doubtful = confidence, doubtful
    row.licence = licence or row.licence
    row.warnings = row.warnings if warnings is None else list(warnings)
    if not stay:
        make_current(s, "mask", row, current, given=given, giver=giver, requested=requested)
    s.flush()
    if new:
        detail = {"method": method, "version": row.version, "mask_sha256": mask_sha256, "given": given}
        record_event(s, "mask", row.id, "added", actor=giver, **detail)
    return row.id


def record_mask_quality(
    s: Session, mask_id: int, *, confidence: float, doubtful: bool, warnings: Sequence[str]
) -> None:
    """Record the assessment of a mask that was added without one."""
    row = s.get(Mask, mask_id)
    if row is None:
        raise NotInCatalogError(f"mask {mask_id} is not in the catalog; reload the page")
    row.confidence, row.doubtful, row.warnings = confidence, doubtful, list(warnings)
