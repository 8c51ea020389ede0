"""Made-up people over made-up outputs: who decided what, and the audit of it."""

from sqlalchemy import text

from storage.catalog import Catalog
from storage.catalog.bench.fill import STEP, now_of

REVIEWERS = 5

_REVIEWS = (
    "INSERT INTO reviews (uuid, output_id, revision, image_sha256, reviewer, decision, rating, note, created_at) "
    f"SELECT 'bench-' || id, id, 1, image_sha256, 'reviewer ' || (id % {REVIEWERS}), decision, 0, '', {{at}} "
    "FROM outputs WHERE decision <> 'none' AND id > :first AND id <= :last"
)
_AUDIT = (
    "INSERT INTO audit (actor, action, entity, entity_id, before, after, created_at) "
    f"SELECT 'reviewer ' || (id % {REVIEWERS}), 'review', 'output', CAST(id AS VARCHAR), "
    """'{{"decision": "none"}}', '{{"decision": "' || decision || '"}}', {at} """
    "FROM outputs WHERE decision <> 'none' AND id > :first AND id <= :last"
)
_OUTPUTS = (
    "UPDATE outputs SET revision = 2, approvals = CASE decision WHEN 'approved' THEN 1 ELSE 0 END "
    "WHERE decision <> 'none' AND id > :first AND id <= :last"
)


def fill_people(catalog: Catalog, outputs: int) -> None:
    """Every decision in a catalog that `fill` filled with `outputs` gets a review by one of REVIEWERS and an audit."""
    for first in range(0, outputs, STEP):
        with catalog.write() as s:
            for statement in (_REVIEWS, _AUDIT, _OUTPUTS):
                s.execute(text(statement.format(at=now_of(s))), {"first": first, "last": first + STEP})
    with catalog.write() as s:
        s.execute(text("ANALYZE"))
