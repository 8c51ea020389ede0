"""Measures page latency at any depth, and cells planned, claimed and finished per second."""

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from random import Random
from typing import Any

from storage.catalog import Catalog, views, writes
from storage.catalog.bench.fill import METRICS, PER_SUBJECT, RUNS
from storage.catalog.records import CellRecord

PAGE = 60  # images
CLAIM = 16  # cells in one claim


@dataclass(frozen=True)
class Figure:
    """One measurement: pages have `p50_ms` and `p95_ms`, work has `per_second`."""

    name: str
    count: int
    p50_ms: float | None = None
    p95_ms: float | None = None
    per_second: float | None = None


def measure(catalog: Catalog, outputs: int, *, pages: int = 100, cells: int = 2000, seed: int = 0) -> list[Figure]:
    """Measure a catalog that `fill` filled with `outputs`: each kind of page `pages` times, at random depths.

    Then plans `cells` more, claims them CLAIM at a time and finishes them one by one, each claim and each finish in its
    own transaction, as workers do.
    """
    draw = Random(seed)
    figures = [_paged(catalog, name, turn, draw, pages) for name, turn in _questions(outputs).items()]
    return figures + list(_worked(catalog, cells))


def _questions(outputs: int) -> dict[str, Callable[[Any, Random], Any]]:
    """Return the gallery's queries, each starting at a random position."""
    subjects = max(outputs // PER_SUBJECT, 1)
    every, page, metric = views.Filter, partial(views.gallery_page, limit=PAGE), METRICS[0]
    return {
        "newest": lambda s, r: page(s, every(), after=_place(r.randrange(outputs) + 2)),
        "subject": lambda s, r: page(s, every(subject_id=r.randrange(subjects) + 1)),
        "run": lambda s, r: page(s, every(run_id=f"bench-{r.randrange(RUNS)}"), after=_place(r.randrange(outputs) + 2)),
        "score": lambda s, r: page(s, every(metric=metric), after=_place(r.random(), 1)),
        "score in subject": lambda s, r: page(s, every(metric=metric, subject_id=r.randrange(subjects) + 1)),
        "score, flagged": lambda s, r: page(s, every(metric=metric, decision="flagged"), after=_place(r.random(), 1)),
        "score in run": lambda s, r: page(
            s, every(metric=metric, run_id=f"bench-{r.randrange(RUNS)}"), after=_place(r.random(), 1)
        ),
    }


def _place(*columns: float) -> str:
    return views.place(list(columns))


def _paged(catalog: Catalog, name: str, turn: Callable[[Any, Random], Any], draw: Random, pages: int) -> Figure:
    times = []
    for _ in range(pages):
        with catalog.read() as s:
            began = time.perf_counter()
            turn(s, draw)
            times.append(1000 * (time.perf_counter() - began))
    times.sort()
    return Figure(f"page: {name}", pages, times[len(times) // 2], times[min(int(0.95 * pages), pages - 1)])


def _worked(catalog: Catalog, count: int) -> Iterator[Figure]:
    digests = [f"b{i:063x}" for i in range(count)]
    fields: dict[str, Any] = {"subject_id": 1, "reference_id": 1, "mask_id": None, "profile_id": 1, "pose": None}
    cells = [CellRecord(digest=d, prompt="a bear", seed=i, settings={}, **fields) for i, d in enumerate(digests)]
    done: list[Figure] = []
    with _timed("plan", count, done), catalog.write() as s:
        run_id = writes.start_run(s, name="bench", spec={}, flow_run_id=None)
        writes.plan_cells(s, run_id, cells)
    with _timed("claim", count, done):
        for first in range(0, count, CLAIM):
            with catalog.write() as s:
                writes.claim_cells(s, digests[first : first + CLAIM], "bench:1:x", 600)
    with _timed("finish", count, done):
        for digest in digests:
            with catalog.write() as s:
                writes.record_blob(s, sha256=digest, size=1, content_type="image/png")
                writes.finish_cell(s, digest, owner="bench:1:x", image_sha256=digest, width=64, height=64)
    yield from done


@contextmanager
def _timed(name: str, count: int, done: list[Figure]) -> Iterator[None]:
    began = time.perf_counter()
    yield
    done.append(Figure(name, count, per_second=count / (time.perf_counter() - began)))
