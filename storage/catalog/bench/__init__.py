"""Benchmark of a large catalog with synthetic outputs."""

from storage.catalog.bench.fill import fill
from storage.catalog.bench.measure import Figure, measure
from storage.catalog.bench.people import fill_once, fill_people

__all__ = ["Figure", "fill", "fill_once", "fill_people", "measure"]
