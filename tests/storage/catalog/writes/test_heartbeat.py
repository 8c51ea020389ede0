import time
from collections.abc import Callable
from typing import Any

import pytest
from sqlalchemy.orm import Session

from storage.catalog import Catalog, writes
from storage.catalog.leases.cells import CellHeartbeat

LEASE = 0.8


def claim(catalog: Catalog, digests: list[str], owner: str, lease: float = LEASE) -> list[str]:
    with catalog.write() as s:
        return writes.claim_cells(s, digests, owner, lease)


@pytest.mark.parametrize("kind", ["sqlite", pytest.param("postgres", marks=pytest.mark.slow)])
def test_what_is_held_outlives_its_lease_as_long_as_its_holder_beats(
    catalog: Catalog, planned: Callable[..., Any]
) -> None:
    digests = planned(2).digests
    with CellHeartbeat(catalog, "elsewhere:1:x", lease_seconds=LEASE) as beat:
        beat.hold(claim(catalog, digests, "elsewhere:1:x"))
        time.sleep(2 * LEASE)
        assert claim(catalog, digests, "b:1:x") == []
        assert beat.held == digests
    time.sleep(LEASE + 0.1)
    assert claim(catalog, digests, "b:1:x") == digests  # whose holder beats no more


def test_what_another_took_is_lost_and_left_alone(catalog: Catalog, planned: Callable[..., Any]) -> None:
    first, second = digests = planned(2).digests
    claim(catalog, digests, "slow:1:x", lease=0)
    claim(catalog, [first], "quick:1:x", lease=60)
    beat = CellHeartbeat(catalog, "slow:1:x", lease_seconds=60)
    beat.hold(digests)
    beat.renew()
    assert beat.held == [second]
    assert claim(catalog, digests, "c:1:x") == []


def test_what_is_finished_between_two_beats_is_not_lost(catalog: Catalog, planned: Callable[..., Any]) -> None:
    (digest,) = planned(1).digests
    beat = CellHeartbeat(catalog, "a:1:x", lease_seconds=60)
    beat.renew()  # nothing is held
    beat.hold(claim(catalog, [digest], "a:1:x"))
    with catalog.write() as s:
        writes.finish_cell(s, digest, owner="a:1:x", image_sha256="1" * 64, width=1, height=1)
    beat.release(digest)
    beat.renew()
    assert beat.held == []


def test_a_claim_whose_commit_was_not_heard_of_is_made_again(
    catalog: Catalog, planned: Callable[..., Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    digests = planned(4).digests

    def deaf(work: Callable[[Session], Any]) -> Any:
        with catalog.write() as s:
            work(s)
        with catalog.write() as s:  # the connection broke while the answer was on its way
            return work(s)

    with catalog.write() as s:
        writes.claim_cells(s, digests[:1], "b:1:x", 60)
    beat = CellHeartbeat(catalog, "a:1:x", lease_seconds=60)
    monkeypatch.setattr(catalog, "transact", deaf)
    assert beat.claim(digests) == digests[1:]
    assert beat.held == digests[1:]
