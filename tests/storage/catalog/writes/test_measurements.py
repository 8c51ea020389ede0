"""What benches measured, in the catalog, on SQLite and PostgreSQL."""

from dataclasses import replace

import pytest

from storage.catalog import Catalog, garbage, views, writes
from storage.catalog.records import CatalogError, MeasurementRecord

RECORD = MeasurementRecord(
    digest="a" * 64,
    method="plain",
    subject="7001",
    prompt="a bear on the beach",
    seed=1,
    measures={"identity": 0.1 + 0.2, "copying": None},
    prepare_s=0.25,
    picture_s=1 / 3,
    image_sha256="1" * 64,
)


def test_a_measurement_is_read_to_the_last_digit_and_holds_its_picture(catalog: Catalog) -> None:
    with catalog.write() as s, pytest.raises(CatalogError, match=r"image_sha256 .* is not a recorded blob"):
        writes.add_measurements(s, [RECORD])
    with catalog.write() as s:
        writes.record_blobs(s, [("1" * 64, 4, "image/png"), ("2" * 64, 4, "image/png")])
        writes.add_measurements(s, [RECORD])
    with catalog.read() as s:
        assert views.measurements(s, ["a" * 64, "b" * 64]) == {"a" * 64: RECORD}
        assert views.measurements(s, []) == {}
        assert garbage.garbage(s) == 1


def test_measured_again_the_newer_stands(catalog: Catalog) -> None:
    other = replace(RECORD, digest="b" * 64)
    again = replace(RECORD, measures={"identity": 0.5}, image_sha256="2" * 64)
    with catalog.write() as s:
        writes.record_blobs(s, [("1" * 64, 4, "image/png"), ("2" * 64, 4, "image/png")])
        writes.add_measurements(s, [other, RECORD])
        writes.add_measurements(s, [again])
    with catalog.read() as s:
        assert views.measurements(s, ["b" * 64, "a" * 64]) == {"a" * 64: again, "b" * 64: other}
