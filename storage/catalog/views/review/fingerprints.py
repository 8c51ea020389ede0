"""Fingerprints of outputs, and the outputs that have none yet."""

from collections.abc import Sequence

from sqlalchemy import ColumnElement, and_, or_, select
from sqlalchemy.orm import Session

from storage.catalog.database.sql import chunks
from storage.catalog.records import ImageFingerprint
from storage.catalog.schema import Cell, Fingerprint, Output, Reference


def fingerprints(s: Session, output_ids: Sequence[int]) -> dict[int, ImageFingerprint]:
    """Return the fingerprints of the images of these outputs, by output; outputs without one are left out."""
    found: dict[int, ImageFingerprint] = {}
    chosen = select(Output.id, Fingerprint).join(Fingerprint, Fingerprint.image_sha256 == Output.image_sha256)
    for part in chunks(output_ids):
        found |= {output_id: _record(row) for output_id, row in s.execute(chosen.where(Output.id.in_(part)))}
    return found


def fingerprints_of_images(s: Session, digests: Sequence[str]) -> dict[str, ImageFingerprint]:
    """Return the fingerprints of these images, by digest; images without one are left out."""
    found: dict[str, ImageFingerprint] = {}
    for part in chunks(digests):
        rows = s.scalars(select(Fingerprint).where(Fingerprint.image_sha256.in_(part)))
        found |= {row.image_sha256: _record(row) for row in rows}
    return found


def without_fingerprint(
    s: Session, output_ids: Sequence[int], *, hash_version: str, model: str | None
) -> list[tuple[str, str]]:
    """List the images of these outputs without a hash of this version, or an embedding by `model` unless it is None.

    Each with the image of the reference that it was generated from, by output.
    """
    have = [Fingerprint.image_sha256 == Output.image_sha256, Fingerprint.hash_version == hash_version]
    chosen = select(Output.image_sha256, Reference.image_sha256).join(Cell, Cell.id == Output.cell_id)
    chosen = chosen.join(Reference, Reference.id == Cell.reference_id).outerjoin(Fingerprint, and_(*have))
    lacks: list[ColumnElement[bool]] = [Fingerprint.image_sha256.is_(None)]
    lacks += [] if model is None else [Fingerprint.model.is_(None), Fingerprint.model != model]
    chosen = chosen.where(Cell.state == "generated", or_(*lacks)).order_by(Output.id)
    rows = (row for part in chunks(output_ids) for row in s.execute(chosen.where(Output.id.in_(part))))
    return [(image, reference) for image, reference in rows]


def _record(row: Fingerprint) -> ImageFingerprint:
    return ImageFingerprint(
        image_sha256=row.image_sha256,
        phash=row.phash,
        structure=row.structure,
        hash_version=row.hash_version,
        vector=row.vector,
        model=row.model,
    )
