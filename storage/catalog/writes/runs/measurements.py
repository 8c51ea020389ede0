"""Measurements of benchmarks, by image."""

from collections.abc import Sequence

from sqlalchemy.orm import Session

from storage.catalog.database.base import now
from storage.catalog.database.sql import insert_into
from storage.catalog.records import MeasurementRecord
from storage.catalog.schema import Measurement
from storage.catalog.writes.blobs import require_blobs


def add_measurements(s: Session, records: Sequence[MeasurementRecord]) -> None:
    """Store measurements, whose images are recorded blobs. Existing digests are overwritten."""
    require_blobs(s, "image_sha256", [record.image_sha256 for record in records])
    for record in sorted(records, key=lambda one: one.digest):  # in one order for all, to avoid deadlocks
        row = {**vars(record), "measures": dict(record.measures), "created_at": now()}
        insert = insert_into(s, Measurement).values(row)
        s.execute(insert.on_conflict_do_update(index_elements=[Measurement.digest], set_=row))
