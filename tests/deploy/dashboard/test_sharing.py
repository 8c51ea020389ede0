"""A queue shared by a link, and one split among people."""

import pytest

from storage.catalog import views, writes
from storage.catalog.records import CatalogError
from tests.deploy.dashboard.conftest import Site
from tests.deploy.dashboard.reviewing import Open, in_order, queue, sent, shown


def post(site: Site, path: str, who: str = "reviewer", **data: str) -> tuple[int, str]:
    with site.client(who) as client:
        answer = client.post(path, data=data)
    return answer.status_code, answer.headers.get("location", answer.text)


def parts_of(site: Site, path: str) -> list[list[int]]:
    with site.catalog.read() as s:
        return [list(part.queue.output_ids) for part in views.split(s, path.rpartition("/")[2]).parts]


@pytest.mark.slow
def test_a_queue_is_opened_by_others_while_it_is_shared(site: Site) -> None:
    path = queue(site, title="second look")
    with site.client("operator") as client:
        assert client.get(path).status_code == 400
        assert post(site, f"{path}/share", "operator")[0] == 400, "only its owner shares it"
        assert post(site, f"{path}/share")[0] == 303
        with site.client("reviewer") as owner:
            assert f'value="{site.base}{path}"' in owner.get("/review").text
        site.say("reviewer", in_order(site)[4].output_id, "approved", 1)
        assert 'data-resume="0"' in client.get(path).text, "at the operator's own place"
        assert "second look" in client.get("/review").text
        assert post(site, f"{path}/share", stop="yes")[0] == 303
        assert client.get(path).status_code == 400
        assert "second look" not in client.get("/review").text
    with site.client("reviewer") as client:
        assert "second look" in client.get("/review").text
        assert post(site, f"{path}/delete")[0] == 303
        assert client.get(path).status_code == 404


def test_parts_are_disjoint_and_stay_as_they_are_while_new_pictures_come(site: Site) -> None:
    rows = in_order(site)
    for row in rows[:5]:
        site.say("admin", row.output_id, "flagged", 1)
    _, path = post(site, "/review", decision="none", parts="3", title="the beach")
    before = parts_of(site, path)
    assert [len(part) for part in before] == [79, 78, 78]
    assert before[0][:2] == [rows[5].output_id, rows[8].output_id], "dealt like cards"
    for row in rows[:5]:
        site.say("admin", row.output_id, "none", 2)  # matches the filter by now
    site.say("admin", before[1][0], "approved", 1)  # no longer does
    assert post(site, f"{path}/new", "operator")[0] == 400, "only who split it"
    for _ in range(2):  # the second time there is nothing new
        assert post(site, f"{path}/new")[0] == 303
    after = parts_of(site, path)
    assert [part[: len(old)] for part, old in zip(after, before, strict=True)] == before
    dealt = [one for part in after for one in part]
    assert sorted(dealt) == sorted(one.output_id for one in rows)
    assert [len(part) for part in after] == [80, 80, 80]


@pytest.mark.slow
def test_whoever_has_the_link_takes_a_free_part_and_nobody_reviews_anothers(site: Site) -> None:
    _, path = post(site, "/review", parts="2")
    queues = [post(site, f"{path}/take", who)[1] for who in ("operator", "admin", "operator")]
    assert queues[0] == queues[2] != queues[1], "one's own part is given again"
    status, said = post(site, f"{path}/take")
    assert (status, "very part of this review is taken" in said) == (400, True)
    for who, own in (("operator", 0), ("admin", 1)):
        with site.client(who) as client:
            assert client.get(queues[own]).status_code == 200
            assert client.get(queues[1 - own]).status_code == 400
            assert "your part" in client.get("/review").text
    assert post(site, f"{path}/parts/2/free", "operator")[0] == 400, "it is admin's"
    assert post(site, f"{path}/parts/2/free")[0] == 303, "by who split it"
    assert post(site, f"{path}/take")[1] == queues[1]
    assert post(site, f"{path}/parts/1/free", "operator")[0] == 303, "one's own"
    assert post(site, f"{path}/parts/7/free")[0] == 404
    with site.client("viewer") as client:
        assert client.get(path).status_code == 403


@pytest.mark.parametrize(("parts", "said"), [("0", "outside 2..20"), ("21", "outside 2..20"), ("two", "not a number")])
def test_what_is_no_number_of_parts_is_refused(shared: Site, parts: str, said: str) -> None:
    status, text = post(shared, "/review", parts=parts)
    assert (status, said in text) == (400, True)


@pytest.mark.slow
def test_forgetting_a_subject_forgets_what_was_split_of_it(site: Site) -> None:
    _, path = post(site, "/review", subject_id="2", parts="2")
    _, both = post(site, "/review", parts="2")
    with site.catalog.write() as s:
        writes.finish_run(s, views.recent_runs(s)[0].id, "completed")
    assert post(site, "/subjects/2/forget", "admin", typed="momo")[0] == 303
    with site.catalog.read() as s, pytest.raises(CatalogError):
        views.split(s, path.rpartition("/")[2])
    assert [len(part) for part in parts_of(site, both)] == [60, 60]


@pytest.mark.slow
def test_the_end_says_that_everything_is_stored_once_it_is(site: Site, tab: Open) -> None:
    path = queue(site, decision="none", prompt="snow", subject_id="1")
    page = tab(site, f"{path}?at=59")
    shown(page, 60, 60)
    page.wait_for_load_state("networkidle")
    page.context.set_offline(True)
    page.keyboard.press("p")
    page.get_by_text("1 decision is still being sent").wait_for()
    assert not page.get_by_text("Everything is stored").is_visible()
    page.context.set_offline(False)
    page.get_by_text("Everything is stored.").wait_for()
    page.keyboard.press("ArrowLeft")
    shown(page, 60, 60)
    ours = [one.output_id for one in in_order(site) if "snow" in one.prompt and one.subject_id == 1]
    site.say("operator", ours[-1], "flagged", 2)
    page.keyboard.press("x")
    page.get_by_text("1 decision was not stored").wait_for()
    sent(page)


@pytest.mark.slow
def test_the_link_of_a_split_is_copied_and_opens_a_part_for_another_person(site: Site, tab: Open) -> None:
    page = tab(site, "/review", permissions=["clipboard-read", "clipboard-write"])
    page.select_option("[name=parts]", "4")
    page.get_by_role("button", name="Start").click()
    page.get_by_role("button", name="Copy").click()
    page.get_by_text("Copied").wait_for()
    link = page.evaluate("() => navigator.clipboard.readText()")
    assert link == page.url
    other = tab(site, link.removeprefix(site.base), "operator")
    other.get_by_role("button", name="Take a part").click()
    shown(other, 1, 60)
