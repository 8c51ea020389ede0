from collections.abc import Callable
from typing import Any

import pytest

from storage.catalog import Catalog, views, writes
from storage.catalog.records import CatalogError, NotInCatalogError

Plan = Callable[..., Any]


def events(catalog: Catalog, entity: str, entity_id: object) -> list[str]:
    with catalog.read() as s:
        return [one.event for one in views.history(s, entity, entity_id)]


def test_a_cells_life_is_told(catalog: Catalog, planned: Plan) -> None:
    plan = planned(1)
    (digest,) = plan.digests
    with catalog.write() as s:
        writes.claim_cells(s, [digest], "a:1:x", 0)
    with catalog.write() as s:
        writes.claim_cells(s, [digest], "b:1:x", 60)
        writes.fail_cell(s, digest, owner="b:1:x", error="out of memory")
    with catalog.write() as s:
        writes.claim_cells(s, [digest], "b:1:x", 60)
        for _ in range(2):
            writes.finish_cell(s, digest, owner="b:1:x", image_sha256="1" * 64, width=8, height=8, run_id=plan.run)
        writes.mark_cells_lost(s, [digest])
    assert events(catalog, "cell", digest) == ["taken over", "failed", "generated", "lost"]
    with catalog.read() as s:
        taken, failed, generated, _ = views.history(s, "cell", digest)
    assert (taken.actor, taken.detail) == ("b:1:x", {"held_by": "a:1:x"})
    assert failed.detail == {"error": "out of memory"}
    assert generated.detail == {"image_sha256": "1" * 64, "run_id": plan.run}
    assert generated.created_at.utcoffset() is not None


def test_what_a_picture_is_made_from_has_a_history_too(catalog: Catalog, planned: Plan) -> None:
    plan = planned(1)
    again = planned(1)
    assert (again.subject, again.reference) == (plan.subject, plan.reference)
    assert events(catalog, "reference", plan.reference) == ["added"]
    with catalog.write() as s:
        mask = writes.add_mask(
            s, reference_id=plan.reference, mask_sha256="1" * 64, method="user", confidence=1.0, doubtful=False
        )
    with catalog.read() as s:
        (added,) = views.history(s, "mask", mask)
    assert (added.detail["method"], added.detail["version"]) == ("user", 2)


def test_a_checkpoint_is_one_by_its_weights(catalog: Catalog, planned: Plan) -> None:
    plan = planned(1)
    fields: dict[str, Any] = {"reference_id": plan.reference, "mask_id": None, "settings": {"steps": 300}}
    with catalog.write() as s:
        profile = writes.add_profile(s, name="pocket", weights_digest="w", licence="Apache-2.0", parts={"unet": "u"})
        assert writes.add_profile(s, name="pocket", weights_digest="w") == profile
        first, second = (
            writes.add_checkpoint(s, profile_id=profile, weights_sha256=sha256 * 64, **fields) for sha256 in "12"
        )
        assert first != second
        assert writes.add_checkpoint(s, profile_id=profile, weights_sha256="1" * 64, **fields) == first
        with pytest.raises(NotInCatalogError, match="reference_id 99"):
            writes.add_checkpoint(s, **fields | {"reference_id": 99}, profile_id=profile, weights_sha256="1" * 64)
        with pytest.raises(CatalogError, match="weights_sha256"):
            writes.add_checkpoint(s, profile_id=profile, weights_sha256="f" * 64, **fields)
    assert events(catalog, "checkpoint", first) == ["trained"]
