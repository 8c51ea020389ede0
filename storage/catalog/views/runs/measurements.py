"""Measurements of benchmarks, by image."""

from collections.abc import Sequence

from sqlalchemy import select
from sqlalchemy.orm import Session

from storage.catalog.database.sql import chunks
from storage.catalog.records import MeasurementRecord
from storage.catalog.schema import Measurement


def measurements(s: Session, digests: Sequence[str]) -> dict[str, MeasurementRecord]:
    """Return the measurements of the digests that have one."""
    found: dict[str, MeasurementRecord] = {}
    for part in chunks(digests):
        for row in s.scalars(select(Measurement).where(Measurement.digest.in_(part))):
            found[row.digest] = MeasurementRecord(
                digest=row.digest,
                method=row.method,
                subject=row.subject,
                prompt=row.prompt,
                seed=row.seed,
                measures=row.measures,
                prepare_s=row.prepare_s,
                picture_s=row.picture_s,
                image_sha256=row.image_sha256,
            )
    return found
