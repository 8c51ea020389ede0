from collections.abc import Callable
from typing import Any

import pytest

from storage.catalog import Catalog, views, writes
from storage.catalog.records import CatalogError, NotInCatalogError, ReviewConflictError


@pytest.fixture
def output(catalog: Catalog, planned: Callable[..., Any]) -> int:
    """One generated output, scored by clip_i."""
    plan = planned(1)
    with catalog.write() as s:
        writes.claim_cells(s, plan.digests, "me", 60)
        output = writes.finish_cell(s, plan.digests[0], owner="me", image_sha256="1" * 64, width=8, height=8)
        writes.add_scores(s, metric="clip_i", version="1", values={output: 0.5})
    return output


def review(catalog: Catalog, output: int, uuid: str, revision: int, decision: Any, **more: Any) -> writes.Reviewed:
    said: dict[str, Any] = {"reviewer": "ann"} | more
    with catalog.write() as s:
        return writes.add_review(s, uuid=uuid, output_id=output, revision=revision, decision=decision, **said)


def decision(catalog: Catalog) -> tuple[str, int, int]:
    with catalog.read() as s:
        (row,) = views.gallery_page(s, views.Filter()).rows
        by_score = views.gallery_page(s, views.Filter(metric="clip_i", decision=row.decision)).rows
    assert [one.output_id for one in by_score] == [row.output_id]
    return row.decision, row.rating, row.revision


def test_every_review_is_kept_and_the_last_one_decides(catalog: Catalog, output: int) -> None:
    assert decision(catalog) == ("none", 0, 1)
    assert review(catalog, output, "a", 1, "approved", rating=5, note="fine").revision == 2
    assert decision(catalog) == ("approved", 5, 2)
    review(catalog, output, "b", 2, "none", reviewer="bob")
    assert decision(catalog) == ("none", 0, 3)
    with catalog.read() as s:
        said = [(one.reviewer, one.decision, one.rating, one.note) for one in views.reviews_of(s, output)]
    assert said == [("ann", "approved", 5, "fine"), ("bob", "none", 0, "")]


def test_of_two_who_saw_the_same_the_second_is_told(catalog: Catalog, output: int) -> None:
    review(catalog, output, "a", 1, "approved")
    with pytest.raises(ReviewConflictError, match="at revision 2, and 'rejected' was decided on revision 1") as caught:
        review(catalog, output, "b", 1, "rejected", reviewer="bob")
    assert caught.value.revision == 2
    assert decision(catalog) == ("approved", 0, 2)


def test_a_review_sent_again_is_stored_once(catalog: Catalog, output: int) -> None:
    first = review(catalog, output, "a", 1, "approved")
    review(catalog, output, "b", 2, "rejected")
    assert review(catalog, output, "a", 1, "approved") == first
    assert decision(catalog) == ("rejected", 0, 3)
    with pytest.raises(CatalogError, match="uuid 'a' names another review"):
        review(catalog, output, "a", 3, "flagged")


def test_what_was_decided_on_another_picture_holds_no_longer(catalog: Catalog, output: int) -> None:
    review(catalog, output, "a", 1, "approved", rating=3)
    with catalog.write() as s:
        (digest,) = writes.mark_cells_lost(s, [f"{0:064x}"])
        writes.claim_cells(s, [digest], "me", 60)
        writes.finish_cell(s, digest, owner="me", image_sha256="2" * 64, width=8, height=8)
        writes.add_scores(s, metric="clip_i", version="1", values={output: 0.25})
    assert decision(catalog) == ("none", 0, 3)
    with pytest.raises(ReviewConflictError):
        review(catalog, output, "b", 2, "approved")
    with catalog.read() as s:
        assert [one.image_sha256 for one in views.reviews_of(s, output)] == ["1" * 64]


@pytest.mark.parametrize(
    ("wrong", "said"),
    [
        ({"decision": "maybe"}, "decision 'maybe' is not known; use one of none, approved"),
        ({"rating": 6}, r"rating 6 is outside 1\.\.5"),
        ({"reviewer": ""}, "reviewer '': both have to be given"),
        ({"uuid": ""}, "uuid ''"),
    ],
)
def test_a_review_that_makes_no_sense_is_refused(
    catalog: Catalog, output: int, wrong: dict[str, Any], said: str
) -> None:
    fields: dict[str, Any] = {"uuid": "a", "revision": 1, "decision": "approved", **wrong}
    with pytest.raises(CatalogError, match=said):
        review(catalog, output, **fields)
    with pytest.raises(NotInCatalogError, match="output_id 99"):
        review(catalog, 99, "a", 1, "approved")
    assert decision(catalog) == ("none", 0, 1)
