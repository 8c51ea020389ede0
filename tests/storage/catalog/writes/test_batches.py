"""Two approvals, taking back, and one decision on many."""

from collections.abc import Callable
from threading import Thread
from typing import Any

import pytest

from storage.catalog import Catalog, views, writes
from storage.catalog.records import CatalogError, ReviewConflictError
from storage.catalog.writes.review.batches import Seen


@pytest.fixture
def outputs(catalog: Catalog, planned: Callable[..., Any]) -> list[int]:
    """Three generated outputs."""
    plan = planned(3)
    with catalog.write() as s:
        writes.claim_cells(s, plan.digests, "me", 60)
        size = {"width": 8, "height": 8}
        return [writes.finish_cell(s, digest, owner="me", image_sha256="1" * 64, **size) for digest in plan.digests]


def said(catalog: Catalog, output_id: int) -> tuple[str, int, int, int]:
    with catalog.read() as s:
        one = views.output(s, output_id)
    return one.decision, one.rating, one.approvals, one.revision


def say(catalog: Catalog, output_id: int, who: str, decision: Any, **more: Any) -> None:
    revision = said(catalog, output_id)[3]
    with catalog.write() as s:
        fields = {"uuid": f"{who}{revision}", "revision": revision, "reviewer": who, "decision": decision} | more
        writes.add_review(s, output_id=output_id, **fields)


def undo(catalog: Catalog, output_id: int, who: str, **more: Any) -> writes.Reviewed:
    revision = said(catalog, output_id)[3]
    with catalog.write() as s:
        fields = {"uuid": f"undo{revision}", "revision": revision, "reviewer": who} | more
        return writes.undo_review(s, output_id=output_id, **fields)


def test_two_different_people_have_to_approve(catalog: Catalog, outputs: list[int]) -> None:
    one = outputs[0]
    say(catalog, one, "ann", "approved", approvals_needed=2)
    assert said(catalog, one)[:3] == ("none", 0, 1)
    say(catalog, one, "ann", "approved", approvals_needed=2)
    assert said(catalog, one)[:3] == ("none", 0, 1)  # the same person twice is one
    say(catalog, one, "bob", "approved", approvals_needed=2)
    assert said(catalog, one)[:3] == ("approved", 0, 2)
    say(catalog, one, "bob", "rejected", approvals_needed=2)
    assert said(catalog, one)[:3] == ("rejected", 0, 1)


def test_an_undone_review_leaves_what_was_before(catalog: Catalog, outputs: list[int]) -> None:
    one = outputs[0]
    say(catalog, one, "ann", "flagged", rating=2)
    say(catalog, one, "ann", "approved", rating=5)
    with catalog.write() as s:
        writes.undo_review(s, uuid="z", output_id=one, revision=3, reviewer="ann")
    assert said(catalog, one)[:2] == ("flagged", 2)
    with pytest.raises(ReviewConflictError), catalog.write() as s:
        writes.undo_review(s, uuid="y", output_id=one, revision=3, reviewer="ann")


def test_undoing_gives_no_approval_in_another_name(catalog: Catalog, outputs: list[int]) -> None:
    one = outputs[0]
    say(catalog, one, "ann", "approved", approvals_needed=2)
    say(catalog, one, "bob", "rejected", approvals_needed=2)
    with catalog.write() as s:
        writes.undo_review(s, uuid="z", output_id=one, revision=3, reviewer="bob", approvals_needed=2)
    assert said(catalog, one)[:3] == ("none", 0, 1)


def test_undoing_twice_takes_back_two_decisions(catalog: Catalog, outputs: list[int]) -> None:
    one = outputs[0]
    for decision, rating in (("flagged", 2), ("rejected", 0), ("approved", 5)):
        say(catalog, one, "ann", decision, rating=rating)
    for state in (("rejected", 0), ("flagged", 2), ("none", 0)):
        undo(catalog, one, "ann")
        assert said(catalog, one)[:2] == state
    with pytest.raises(CatalogError, match="no decision on this picture is left"):
        undo(catalog, one, "ann")
    say(catalog, one, "ann", "approved")  # one that follows is taken back alone
    undo(catalog, one, "ann")
    assert said(catalog, one)[:2] == ("none", 0)
    with catalog.read() as s:
        assert [review.undoes for review in views.reviews_of(s, one)] == [None, None, None, 3, 2, 1, None, 7]


def test_a_decision_is_taken_back_by_its_own_reviewer_alone_and_anothers_stands(
    catalog: Catalog, outputs: list[int]
) -> None:
    one = outputs[0]
    say(catalog, one, "ann", "approved", rating=4)
    say(catalog, one, "bob", "rejected")
    with pytest.raises(ReviewConflictError, match="bob's, who alone"):
        undo(catalog, one, "ann")
    undo(catalog, one, "bob")
    assert said(catalog, one)[:3] == ("approved", 4, 1), "ann's, and not in bob's name"
    with pytest.raises(ReviewConflictError, match="ann's, who alone"):
        undo(catalog, one, "bob")


def test_an_undo_that_is_sent_again_is_stored_once(catalog: Catalog, outputs: list[int]) -> None:
    one = outputs[0]
    say(catalog, one, "ann", "flagged")
    say(catalog, one, "ann", "approved")
    first = undo(catalog, one, "ann", uuid="once", revision=3)
    say(catalog, one, "ann", "rejected")
    assert undo(catalog, one, "ann", uuid="once", revision=3) == first
    assert said(catalog, one)[0] == "rejected"


def test_an_undone_decision_gives_an_approval_back_to_who_had_given_it(catalog: Catalog, outputs: list[int]) -> None:
    one = outputs[0]
    for who in ("ann", "bob"):
        say(catalog, one, who, "approved", approvals_needed=2)
    say(catalog, one, "ann", "flagged", approvals_needed=2)
    assert said(catalog, one)[:3] == ("flagged", 0, 1)
    undo(catalog, one, "ann", approvals_needed=2)
    assert said(catalog, one)[:3] == ("approved", 0, 2)


def test_a_batch_leaves_what_changed_and_can_be_taken_back(catalog: Catalog, outputs: list[int]) -> None:
    first, second, third = outputs
    say(catalog, first, "ann", "flagged", rating=3)
    seen = [Seen(one, said(catalog, one)[3]) for one in outputs]
    say(catalog, second, "bob", "rejected")  # meanwhile
    for _ in range(2):  # said twice, done once
        with catalog.write() as s:
            writes.begin_batch(s, id="b", reviewer="ann", decision="approved", filter={"style": "anime"})
            changed = writes.decide_part(s, "b", seen)
            total = writes.end_batch(s, "b")
    assert (changed, total) == (0, 2)
    assert [said(catalog, one)[0] for one in outputs] == ["approved", "rejected", "approved"]
    say(catalog, third, "bob", "flagged")  # after
    with pytest.raises(CatalogError, match="who alone can take it back"), catalog.write() as s:
        writes.undo_part(s, "b", actor="bob")
    with catalog.write() as s:
        assert writes.undo_part(s, "b", actor="ann") == (1, 0)
    assert said(catalog, first)[:2] == ("flagged", 3)
    assert [said(catalog, one)[0] for one in outputs] == ["flagged", "rejected", "flagged"]
    with catalog.read() as s:
        (batch,) = views.batches(s)
    assert (batch.changed, batch.undone_at is None) == (2, False)


def test_a_decision_on_many_waits_for_one_that_is_being_made_and_leaves_it(
    catalog: Catalog, outputs: list[int]
) -> None:
    changed: list[int] = []
    with catalog.write() as s:
        writes.begin_batch(s, id="b", reviewer="ann", decision="approved", filter={})

    def decide() -> None:
        seen = [Seen(one, 1) for one in outputs]
        changed.append(catalog.transact(lambda s: writes.decide_part(s, "b", seen)))

    def undo() -> None:
        changed.append(catalog.transact(lambda s: writes.undo_part(s, "b", actor="ann"))[0])

    for work, who, revision, expected in ((decide, "bob", 1, 2), (undo, "eva", 2, 1)):
        thread = Thread(target=work)
        with catalog.write() as s:
            fields = {"uuid": who, "revision": revision, "reviewer": who, "decision": "rejected"}
            writes.add_review(s, output_id=outputs[1] if work is decide else outputs[2], **fields)
            s.flush()
            thread.start()
            thread.join(0.3)  # it waits for the lock of this transaction
        thread.join()
        assert changed.pop() == expected
    assert [said(catalog, one)[0] for one in outputs] == ["none", "rejected", "rejected"]


def test_the_audit_has_a_decision_on_many_from_its_beginning(catalog: Catalog, outputs: list[int]) -> None:
    for _ in range(2):  # said twice, begun once
        with catalog.write() as s:
            writes.begin_batch(s, id="b", reviewer="ann", decision="rejected", filter={"style": "anime"})
    with catalog.write() as s:
        writes.decide_part(s, "b", [Seen(outputs[0], 1)])
    with catalog.read() as s:
        (begun,) = views.audit_page(s, entity="batch").rows
    assert (begun.actor, begun.action, begun.entity_id) == ("ann", "begin decision on many", "b")
    assert begun.after == {"decision": "rejected", "filter": {"style": "anime"}}
    with catalog.write() as s:
        writes.end_batch(s, "b")
    with catalog.read() as s:
        assert views.audit_page(s, entity="batch").rows[0].after["changed"] == 1


def test_a_queue_stays_as_it_was_made_and_old_ones_go(catalog: Catalog, outputs: list[int]) -> None:
    with catalog.write() as s:
        user = writes.add_user(s, name="ann", role="reviewer", actor="setup")
        with pytest.raises(CatalogError, match="nothing to review"):
            writes.add_queue(s, user_id=user, title="none", filter={}, output_ids=[])
        ids = [writes.add_queue(s, user_id=user, title=str(i), filter={}, output_ids=outputs) for i in range(25)]
    with catalog.read() as s:
        assert [one.title for one in views.queues_of(s, user)][:2] == ["24", "23"]
        assert len(views.queues_of(s, user)) == 20
        assert views.queue(s, ids[-1]).output_ids == outputs
        with pytest.raises(CatalogError, match="start a new one"):
            views.queue(s, ids[0])
