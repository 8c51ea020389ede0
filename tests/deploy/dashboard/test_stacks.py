"""Near-duplicates stand at one place of a queue, are decided at once, and taken back at once."""

import io
from collections.abc import Callable
from typing import Any

import pytest
from PIL import Image
from sqlalchemy import select

from dreamtuner.curation.perceptual_hash import HASH_VERSION, perceptual_hash, structure
from storage.catalog import views, writes
from storage.catalog.records import ImageFingerprint
from storage.catalog.schema import Output
from storage.objects import DiskStore, get_blob
from tests.deploy.dashboard.conftest import Site
from tests.deploy.dashboard.reviewing import Open, decided, in_order, sent, shown


def fingerprint_all(site: Site) -> None:
    """What scoring stores: of the made-up pictures every twelfth seed has the same bytes."""
    store = DiskStore(site.home / "objects")
    with site.catalog.read() as s:
        images = s.scalars(select(Output.image_sha256).distinct()).all()
    found = []
    for sha256 in images:
        look = structure(Image.open(io.BytesIO(get_blob(store, sha256))))
        fields: dict[str, Any] = {"phash": perceptual_hash(look), "structure": look, "hash_version": HASH_VERSION}
        found.append(ImageFingerprint(image_sha256=sha256, **fields))
    with site.catalog.write() as s:
        writes.add_fingerprints(s, found)


def stacked(site: Site, who: str = "reviewer", **more: str) -> str:
    with site.client(who) as client:
        made = client.post("/review", data={"decision": "none", "stacks": "yes", **more})
    assert made.status_code == 303, made.text
    return str(made.headers["location"])


def items(site: Site, path: str, who: str = "reviewer") -> list[dict[str, Any]]:
    with site.client(who) as client:
        found: list[dict[str, Any]] = client.get(f"/api/queues/{path.split('/')[2]}/items?count=50").json()["items"]
    return found


def send(site: Site, top: dict[str, Any], who: str = "reviewer", **said: Any) -> Any:
    pictures = [{"output_id": one["output_id"], "revision": one["revision"]} for one in (top, *top["stack"])]
    both = {"output_id": top["output_id"], "revision": top["revision"], "pictures": pictures}
    with site.client(who, headers={"Accept": "application/json"}) as client:
        return client.post("/api/reviews/stack", json=both | {"uuid": "a-stack-of-them", "decision": "approved"} | said)


def test_a_stack_is_one_place_and_one_decision_of_which_each_picture_has_its_line(site: Site) -> None:
    fingerprint_all(site)
    path = stacked(site)
    found = items(site, path)
    everything = [one["output_id"] for item in found for one in (item, *item["stack"])]
    assert len(found) < 240 // 4
    assert sorted(everything) == sorted(row.output_id for row in in_order(site)), "each picture is at one place"
    top = found[0]
    ids = [one["output_id"] for one in (top, *top["stack"])]
    said = send(site, top).json()
    assert [one["decision"] for one in said["pictures"]] == ["approved"] * len(ids)
    assert send(site, top).json() == said, "sent again, it is stored once"
    with site.catalog.read() as s:
        for one in ids:
            (line, *_) = views.audit_page(s, entity="output", entity_id=str(one)).rows
            assert (line.action, line.after["stack"]) == ("review", top["output_id"])
            assert len(views.reviews_of(s, one)) == 1
    back = send(site, items(site, path)[0], uuid="taken-back-at-once", undo=True)
    assert {one["decision"] for one in back.json()["pictures"]} == {"none"}


def test_a_stack_is_decided_as_a_whole_or_not_at_all(site: Site) -> None:
    fingerprint_all(site)
    top = items(site, stacked(site))[0]
    other = top["stack"][0]["output_id"]
    site.say("operator", other, "rejected", 1)
    refused = send(site, top)
    assert (refused.status_code, f"output {other} is at revision 2" in refused.json()["error"]) == (409, True)
    assert decided(site, top["output_id"]) == ("none", 0, 1)
    twice = top | {"stack": [top]}
    assert "name each picture of the stack once" in send(site, twice).json()["error"]


def test_a_split_keeps_stacks_together_and_progress_counts_their_pictures(site: Site) -> None:
    fingerprint_all(site)
    path = stacked(site, parts="3")
    with site.catalog.read() as s:
        parts = [part.queue for part in views.split(s, path.rpartition("/")[2]).parts]
        everything = [one for part in parts for one in part.pictures]
        assert sorted(everything) == sorted(row.output_id for row in in_order(site))
        first = parts[0]
        before = views.progress(s, first, "reviewer")
    assert len(before.waiting) == len(first.output_ids) < len(first.pictures)
    top = first.output_ids[0]
    for one in (top, *first.stacks[top][:-1]):
        site.say("reviewer", one, "approved", 1)
    with site.catalog.read() as s:
        assert 0 in views.progress(s, first, "reviewer").waiting, "one picture of the stack waits"
    site.say("reviewer", first.stacks[top][-1], "rejected", 1)
    with site.catalog.read() as s:
        after = views.progress(s, first, "reviewer")
    assert (after.resume, sum(after.tally.values())) == (1, len(first.pictures))


@pytest.mark.slow
def test_two_people_approve_a_stack_one_after_the_other(start: Callable[..., Site]) -> None:
    site = start(approvals=2)
    fingerprint_all(site)
    top = items(site, stacked(site))[0]
    assert {one["decision"] for one in send(site, top).json()["pictures"]} == {"none"}
    with site.catalog.read() as s:
        waiting = views.waiting_for(s, [one["output_id"] for one in (top, *top["stack"])], "reviewer")
    assert waiting == set()
    theirs = items(site, stacked(site, "operator"), "operator")
    again = next(one for one in theirs if one["output_id"] == top["output_id"])
    both = send(site, again, "operator", uuid="the-second-one").json()
    assert {(one["decision"], one["approvals"]) for one in both["pictures"]} == {("approved", 2)}


@pytest.mark.slow
def test_a_stack_is_reviewed_by_one_key_opened_by_another_and_taken_back_at_once(site: Site, tab: Open) -> None:
    fingerprint_all(site)
    path = stacked(site)
    places = items(site, path)
    total, first, second = len(places), places[0], places[1]
    page = tab(site, path)
    shown(page, 1, total)
    count = 1 + len(first["stack"])
    page.get_by_text(f"Stack of {count} near-duplicates").wait_for()
    page.keyboard.press("p")
    shown(page, 2, total)
    sent(page)
    assert all(decided(site, one["output_id"])[0] == "approved" for one in (first, *first["stack"]))
    page.reload()
    shown(page, 2, total)
    page.keyboard.press("z")
    shown(page, 1, total)
    sent(page)
    assert {decided(site, one["output_id"])[::2] for one in (first, *first["stack"])} == {("none", 3)}
    page.keyboard.press("ArrowRight")
    shown(page, 2, total)
    page.keyboard.press("o")
    page.get_by_text("decided alone").wait_for()
    page.keyboard.press("x")  # the top alone; the next of the stack follows
    page.get_by_text("Picture 2 of a stack").wait_for()
    shown(page, 2, total)
    sent(page)
    alone = [decided(site, one["output_id"])[0] for one in (second, *second["stack"])]
    assert alone == ["rejected"] + ["none"] * len(second["stack"])
    page.keyboard.press("o")
    page.keyboard.press("ArrowLeft")
    shown(page, 1, total)
