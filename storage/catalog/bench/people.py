"""Synthetic reviews of synthetic outputs, with their audit."""

from collections.abc import Callable

from sqlalchemy import func, select, text

from storage.catalog import Catalog
from storage.catalog.bench.fill import RUNS, STEP, fill, now_of
from storage.catalog.records import CatalogError
from storage.catalog.schema import Output, Run

REVIEWERS = 5

_REVIEWS = (
    "INSERT INTO reviews (uuid, output_id, revision, image_sha256, reviewer, decision, rating, note, created_at) "
    f"SELECT 'bench-' || id, id, 1, image_sha256, 'reviewer ' || (id % {REVIEWERS}), decision, 0, '', {{at}} "
    "FROM outputs WHERE decision <> 'none' AND id > :first AND id <= :last"
)
_AUDIT = (
    "INSERT INTO audit (actor, action, entity, entity_id, before, after, created_at) "
    f"SELECT 'reviewer ' || (id % {REVIEWERS}), 'review', 'output', CAST(id AS VARCHAR), "
    """'{{"decision": "none"}}', '{{"by": "bench"}}', {at} """
    "FROM outputs WHERE decision <> 'none' AND id > :first AND id <= :last"
)
_OUTPUTS = (
    "UPDATE outputs SET revision = 2, approvals = CASE decision WHEN 'approved' THEN 1 ELSE 0 END "
    "WHERE decision <> 'none' AND id > :first AND id <= :last"
)


def fill_once(catalog: Catalog, outputs: int, *, on_progress: Callable[[int], None] = lambda done: None) -> None:
    """Fill an empty catalog with `outputs` and reviews; does nothing if it was filled before.

    Raises CatalogError if it contains anything else.
    """
    with catalog.read() as s:
        there = s.scalar(select(func.max(Output.id)))
        ours = s.get(Run, f"bench-{RUNS - 1}") is not None
    if there is None or not ours:
        fill(catalog, outputs, on_progress=on_progress)
        fill_people(catalog, outputs)
    elif there != outputs:
        raise CatalogError(
            f"the catalog was filled with {there} outputs, not {outputs}; pass that number, or use a new catalog"
        )


def fill_people(catalog: Catalog, outputs: int) -> None:
    """Add a review by one of REVIEWERS and an audit entry for every decision in a catalog that `fill` filled."""
    for first in range(0, outputs, STEP):
        with catalog.write() as s:
            for statement in (_REVIEWS, _AUDIT, _OUTPUTS):
                s.execute(text(statement.format(at=now_of(s))), {"first": first, "last": first + STEP})
    with catalog.write() as s:
        s.execute(text("ANALYZE"))
