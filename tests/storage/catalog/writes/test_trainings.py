"""Fine-tunings in the catalog, on SQLite and PostgreSQL: one process at a time, states kept, done once."""

from collections.abc import Callable
from types import SimpleNamespace

import pytest

from storage.catalog import Catalog, garbage, views, writes
from storage.catalog.owners import this_owner
from storage.catalog.records import LeaseLostError, NotInCatalogError

DIGEST = "f" * 64
RECIPE = {"finetune": {"steps": 3}}


@pytest.fixture
def asked(catalog: Catalog, planned: Callable[..., SimpleNamespace]) -> SimpleNamespace:
    plan = planned(1)
    with catalog.write() as s:
        plan.profile = writes.add_profile(s, name="pocket", weights_digest="w")
        writes.plan_training(
            s, DIGEST, reference_id=plan.reference, mask_id=None, profile_id=plan.profile, recipe=RECIPE
        )
        for i, word in enumerate(("state", "later", "weights")):
            writes.record_blob(s, sha256=f"{i + 7}" * 64, size=len(word), content_type="application/octet-stream")
    return plan


def claim(catalog: Catalog, owner: str, seconds: float = 60) -> bool:
    return catalog.transact(lambda s: writes.claim_training(s, DIGEST, owner, seconds))


def test_one_process_at_a_time_works_on_it(catalog: Catalog, asked: SimpleNamespace) -> None:
    assert claim(catalog, "host:1:a")
    assert not claim(catalog, "host:2:b")
    with catalog.write() as s:
        assert writes.renew_training(s, DIGEST, "host:1:a", 0)
        assert not writes.renew_training(s, DIGEST, "host:2:b", 60)
    assert claim(catalog, "host:2:b"), "a lease that ran out"
    dead = ":".join([*this_owner().split(":")[:2], "another-start"])
    with catalog.write() as s:
        assert writes.release_training(s, DIGEST, owner="host:2:b", error="the power went")
        assert views.training(s, DIGEST).error == "the power went"
    assert claim(catalog, dead)
    assert claim(catalog, this_owner()), "a process of this machine that is gone"
    with catalog.write() as s, pytest.raises(NotInCatalogError, match="plan_training"):
        writes.claim_training(s, "0" * 64, "me", 60)


def test_a_state_is_kept_until_the_checkpoint_is_there(catalog: Catalog, asked: SimpleNamespace) -> None:
    claim(catalog, "me")
    for step, sha256 in ((50, "7" * 64), (100, "8" * 64)):
        with catalog.write() as s:
            writes.save_training_state(s, DIGEST, owner="me", step=step, resume_sha256=sha256)
    with catalog.write() as s, pytest.raises(LeaseLostError):
        writes.save_training_state(s, DIGEST, owner="you", step=150, resume_sha256="7" * 64)
    with catalog.read() as s:
        found = views.training(s, DIGEST)
        assert (found.step, found.resume_sha256, found.checkpoint_id) == (100, "8" * 64, None)
        used = {sha256: wanted for sha256, _, wanted in garbage.blobs(s)}
        assert (used["7" * 64], used["8" * 64], used["9" * 64]) == (False, True, False)
    with catalog.write() as s:
        checkpoint = writes.finish_training(s, DIGEST, owner="me", step=120, weights_sha256="9" * 64, identity=0.5)
    with catalog.read() as s:
        found = views.training(s, DIGEST)
        assert (found.checkpoint_id, found.weights_sha256) == (checkpoint, "9" * 64)
        assert (found.step, found.resume_sha256, found.owner) == (120, None, None)
        assert [one.digest for one in views.trainings_of(s, found.subject_name)] == [DIGEST]
        (started, event) = views.history(s, "training", DIGEST)
        assert (started.event, started.actor) == ("started", "me")
        assert event.detail["identity"] == 0.5
        assert [one.settings for one in views.subject(s, asked.subject).checkpoints] == [RECIPE]
    assert not claim(catalog, "me"), "what is done is not done again"
    with catalog.write() as s, pytest.raises(LeaseLostError):
        writes.finish_training(s, DIGEST, owner="me", step=120, weights_sha256="9" * 64)


def test_one_whose_checkpoint_is_lost_may_be_done_again(catalog: Catalog, asked: SimpleNamespace) -> None:
    claim(catalog, "me")
    with catalog.write() as s:
        writes.finish_training(s, DIGEST, owner="me", step=3, weights_sha256="9" * 64)
        writes.mark_training_lost(s, DIGEST)
        assert views.training(s, DIGEST).checkpoint_id is None
    assert claim(catalog, "you")
    with catalog.write() as s:
        again = writes.finish_training(s, DIGEST, owner="you", step=3, weights_sha256="9" * 64)
        assert views.training(s, DIGEST).checkpoint_id == again


def test_asking_again_changes_nothing(catalog: Catalog, asked: SimpleNamespace) -> None:
    claim(catalog, "me")
    with catalog.write() as s:
        writes.plan_training(
            s, DIGEST, reference_id=asked.reference, mask_id=None, profile_id=asked.profile, recipe={"other": 1}
        )
        found = views.training(s, DIGEST)
    assert (found.owner, dict(found.recipe)) == ("me", RECIPE)
