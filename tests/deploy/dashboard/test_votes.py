"""Two pictures at a time: the winner stays, and runs compared blind with their tally."""

from typing import Any

import pytest

from storage.catalog import Catalog, views, writes
from storage.catalog.records import CellRecord
from storage.catalog.views.review.votes import sign_test
from tests.deploy.dashboard.conftest import Site
from tests.deploy.dashboard.reviewing import Open, decided, sent


def second_run(catalog: Catalog, pairs: int) -> tuple[str, str]:
    """A run of the first pictures' subject, prompts and seeds with other settings; the ids of both runs."""
    with catalog.write() as s:
        (first,) = (one.id for one in views.recent_runs(s))
        second = writes.start_run(s, name="stronger", spec={}, flow_run_id=None)
        for output in range(1, pairs + 1):
            one = views.output(s, output)
            digest = f"{output:064d}"
            about: dict[str, Any] = {"subject_id": one.subject_id, "reference_id": one.reference_id, "mask_id": None}
            cell = CellRecord(
                digest=digest, profile_id=1, prompt=one.prompt, pose=None, seed=one.seed, settings={"w_ref": 9}, **about
            )
            writes.plan_cells(s, second, [cell])
            writes.claim_cells(s, [digest], "worker", 60)
            made: dict[str, Any] = {"image_sha256": one.image_sha256, "run_id": second, "width": 64, "height": 64}
            writes.finish_cell(s, digest, owner="worker", **made)
    return first, second


def vote(site: Site, who: str, winner: int, loser: int, **more: Any) -> int:
    with site.client(who) as client:
        sent = {"uuid": f"{who}-{winner}-{loser}-{len(more)}", "winner_id": winner, "loser_id": loser} | more
        return client.post("/api/votes", json=sent).status_code


def test_blind_votes_are_tallied_by_run_each_pair_once(site: Site) -> None:
    first, second = second_run(site.catalog, 3)
    with site.catalog.read() as s:
        pairs = views.pairs_of_runs(s, first, second)
    assert [one for one, _ in pairs] == [1, 2, 3]
    theirs = dict(pairs)
    assert vote(site, "reviewer", 1, theirs[1], blind=True) == 200
    assert vote(site, "reviewer", theirs[1], 1, blind=True) == 200  # thought again
    assert vote(site, "reviewer", theirs[2], 2, blind=True) == 200
    assert vote(site, "operator", 3, theirs[3], blind=True, tie=True) == 200
    assert vote(site, "operator", 2, theirs[2]) == 200  # not blind: not counted
    assert vote(site, "operator", 2, 2) == 400
    assert vote(site, "operator", 2, 999) == 404
    with site.client("reviewer") as client:
        found = client.get(f"/api/compare/tally?first={first}&second={second}").json()
        assert found["mine"] == {"first": 0, "second": 2, "ties": 0, "p": 0.5}
        assert found["all"] == {"first": 0, "second": 2, "ties": 1, "p": 0.5}
        assert client.get(f"/compare/blind?first={first}&second={first}").status_code == 400
        page = client.get(f"/compare/blind?first={first}&second={second}").text
    assert page.count("&#34;output_id&#34;") + page.count('"output_id"') == 6
    with site.client("operator") as client:  # forgetting a picture forgets the votes on it
        with site.catalog.write() as s:
            for run in (first, second):
                writes.finish_run(s, run, "completed")
        assert client.post("/outputs/2/forget").status_code == 303
        assert client.get(f"/api/compare/tally?first={first}&second={second}").json()["all"]["second"] == 1


@pytest.mark.parametrize(("first", "second", "p"), [(0, 0, 1.0), (5, 5, 1.0), (0, 10, 2 / 1024), (2, 8, 112 / 1024)])
def test_the_sign_test_is_exact(first: int, second: int, p: float) -> None:
    assert sign_test(first, second) == sign_test(second, first) == pytest.approx(p)


@pytest.mark.slow
def test_the_winner_stays_and_the_rest_is_rejected_at_once(site: Site, tab: Open) -> None:
    page = tab(site, "/compare/duel?ids=1,2,3,4")
    for key in ("ArrowRight", "ArrowLeft", "ArrowLeft"):
        page.wait_for_selector("#duel:not([hidden])")
        page.keyboard.press(key)
    page.get_by_text("It stayed to the end.").wait_for()
    page.get_by_role("button", name="Approve it").click()
    page.get_by_role("button", name="Reject the other 3").click()
    sent(page)
    assert [decided(site, one)[0] for one in (1, 2, 3, 4)] == ["rejected", "approved", "rejected", "rejected"]


@pytest.mark.slow
def test_a_blind_comparison_mixes_the_sides_and_ends_with_the_tally(site: Site, tab: Open) -> None:
    first, second = second_run(site.catalog, 20)
    page = tab(site, f"/compare/blind?first={first}&second={second}")
    page.wait_for_selector("#duel:not([hidden])")
    assert "stronger" not in page.inner_text("main"), "nothing says which is which"
    for _ in range(3):
        page.keyboard.down("ArrowLeft")  # held: it votes once
    page.keyboard.up("ArrowLeft")
    assert page.locator("#place").inner_text() == "pair 2 of 20"
    page.keyboard.press("z")
    assert page.locator("#said").inner_text() == "left", "nothing that was decided elsewhere is undone here"
    for _ in range(19):
        page.keyboard.press("ArrowLeft")
    page.wait_for_selector("#result:not([hidden])")
    assert page.locator("#finish").is_hidden(), "there is nothing left to ask"
    sent(page)
    page.get_by_role("row", name="you").wait_for()
    mine = page.get_by_role("row", name="you").locator("td").all_inner_texts()
    assert sum(map(int, mine[:2])) == 20, "a tally is shown once it is whole"
    with site.catalog.read() as s:
        tally = views.tally_of_runs(s, first, second, person="reviewer")
    assert tally.first + tally.second == 20
    assert min(tally.first, tally.second) > 0, "sides are mixed"
