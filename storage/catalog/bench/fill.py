"""Made-up outputs by the million, written by the database itself. They name no bytes in any store."""

from collections.abc import Callable

from sqlalchemy import func, select, text
from sqlalchemy.orm import Session

from storage.catalog import Catalog
from storage.catalog.records import CatalogError
from storage.catalog.schema import Subject
from storage.catalog.writes import finish_run

PER_SUBJECT = 1000  # outputs
RUNS = 10
METRICS = ("clip_i", "clip_t")
STEP = 50_000  # outputs in one transaction

_LOST = "CASE i % 200 WHEN 0 THEN 'lost' ELSE 'generated' END"
_DECISION = "CASE WHEN i % 200 = 1 THEN 'flagged' WHEN i % 10 < 7 THEN 'none' ELSE 'approved' END"
_BLOBS = "SELECT {sha}, 100000, 'image/png', {at} FROM n"
_SUBJECTS = "SELECT i + 1, 'subject ' || i, 'bear', CASE i % 2 WHEN 0 THEN 'natural' ELSE 'anime' END, {at} FROM n"
_REFS = "SELECT i + 1, i + 1, {sha}, 64, 64, 'bench', 1, {at} FROM n"
_CELLS = (
    "SELECT i + 1, {sha}, i / {per} + 1, i / {per} + 1, 1, 'a bear on the beach, ' || (i % 50), i % 20, '{{}}', "
    f"{_LOST}, 1, 0, {{at}}, {{at}} FROM n"
)
_RUN_CELLS = "SELECT 'bench-' || (i % {runs}), i + 1, i / {runs} FROM n"
_OUTPUTS = (
    "SELECT i + 1, i + 1, i / {per} + 1, 'bench-' || (i % {runs}), {sha}, 512, 512, 1, "
    f"{_DECISION}, 0, {{at}} FROM n"
)
_LINKS = "SELECT i + 1, i / {per} + 1, i / {per} + 1, i + 1 FROM n"
# A multiplication modulo a prime scatters the scores like chance and gives the same catalog every time.
_SCORES = (
    f"SELECT i + 1, i / {{per}} + 1, {_DECISION}, "
    "'{metric}', '1', (i * {factor} % 1000003) / 1000003.0, TRUE, {at} FROM n"
)
_SUBJECT_SCORES = "SELECT i + 1, '{metric}', i / {per} + 1, (i * {factor} % 1000003) / 1000003.0 FROM n"


def fill(
    catalog: Catalog,
    outputs: int,
    *,
    per_subject: int = PER_SUBJECT,
    on_progress: Callable[[int], None] = lambda done: None,
) -> None:
    """Enter `outputs` generated cells, each with an output and a score by each of METRICS, into an empty catalog.

    There is a subject for each `per_subject` of them and RUNS runs; one picture in 200 is lost, another is flagged.
    `on_progress` hears how many are in. Raises
    CatalogError if the catalog holds subjects: measure on one of its own.
    """
    with catalog.read() as s:
        if s.scalar(select(func.count()).select_from(Subject)):
            raise CatalogError(
                f"catalog {catalog.url.render_as_string()} is not empty; give the bench a new one: it fills it"
            )
    subjects = -(-outputs // per_subject)
    with catalog.write() as s:
        for i in range(RUNS):
            s.execute(
                text(
                    f"INSERT INTO runs (id, name, state, spec, started_at) VALUES ('bench-{i}', 'bench', 'running', "
                    f"'{{}}', {now_of(s)})"
                )
            )
        s.execute(
            text(f"INSERT INTO profiles (id, name, weights_digest, created_at) VALUES (1, 'bench', 'w', {now_of(s)})")
        )
        _insert(s, "blobs (sha256, size, content_type, created_at)", _BLOBS, 0, subjects, "ref")
        _insert(s, "subjects (id, name, class_word, style, created_at)", _SUBJECTS, 0, subjects)
        columns = "id, subject_id, image_sha256, width, height, source, turn, created_at"
        _insert(s, f"refs ({columns})", _REFS, 0, subjects, "ref")
    for first in range(0, outputs, STEP):
        last = min(first + STEP, outputs)
        with catalog.write() as s:
            _outputs(s, first, last, per_subject)
        on_progress(last)
    _finish(catalog)


def _outputs(s: Session, first: int, last: int, per: int) -> None:
    _insert(s, "blobs (sha256, size, content_type, created_at)", _BLOBS, first, last)
    columns = "id, digest, subject_id, reference_id, profile_id, prompt, seed, settings, state, attempts, failures"
    _insert(s, f"cells ({columns}, created_at, updated_at)", _CELLS, first, last, per=per)
    _insert(s, "run_cells (run_id, cell_id, position)", _RUN_CELLS, first, last, per=per)
    columns = "id, cell_id, subject_id, run_id, image_sha256, width, height, revision, decision, rating, created_at"
    _insert(s, f"outputs ({columns})", _OUTPUTS, first, last, per=per)
    _insert(s, "cell_subjects (cell_id, subject_id, reference_id, output_id)", _LINKS, first, last, per=per)
    columns = "output_id, subject_id, decision, metric, version, value, current, created_at"
    for factor, metric in zip((7919, 104729), METRICS, strict=True):
        _insert(s, f"scores ({columns})", _SCORES, first, last, per=per, metric=metric, factor=factor)
        into = "subject_scores (output_id, metric, subject_id, value)"
        _insert(s, into, _SUBJECT_SCORES, first, last, per=per, metric=metric, factor=factor)


def _insert(s: Session, into: str, rows: str, first: int, last: int, kind: str = "out", **more: object) -> None:
    """Insert what `rows` selects for the numbers i of [first, last)."""
    hexadecimal = "printf('%060x', i)" if _sqlite(s) else "lpad(to_hex(i), 60, '0')"
    sha = f"'{'0ef0' if kind == 'ref' else 'a000'}' || {hexadecimal}"
    rows = rows.format(sha=sha, at=now_of(s), runs=RUNS, **more)
    numbers = "WITH RECURSIVE n(i) AS (SELECT CAST(:first AS BIGINT) UNION ALL SELECT i + 1 FROM n WHERE i + 1 < :last)"
    s.execute(text(f"INSERT INTO {into} {numbers} {rows}"), {"first": first, "last": last})


def _finish(catalog: Catalog) -> None:
    """End all runs but the last; statistics for the planner; on PostgreSQL the counters that our own ids went past."""
    for i in range(RUNS - 1):
        with catalog.write() as s:
            finish_run(s, f"bench-{i}", "completed")
    with catalog.write() as s:
        s.execute(text("ANALYZE"))
        if not _sqlite(s):
            for table in ("profiles", "subjects", "refs", "cells", "outputs"):
                top = f"(SELECT coalesce(max(id), 1) FROM {table})"
                s.execute(text(f"SELECT setval(pg_get_serial_sequence('{table}', 'id'), {top})"))


def now_of(s: Session) -> str:
    """The database's own clock, as SQL that fits its columns of instants."""
    return "strftime('%Y-%m-%d %H:%M:%f000', 'now')" if _sqlite(s) else "now()"


def _sqlite(s: Session) -> bool:
    return s.get_bind().dialect.name == "sqlite"
