"""Triage in a queue: the order follows what the team kept, what is hidden stays undecided and can be shown."""

import random
from typing import Any

import pytest
from sqlalchemy import select, update

from deploy.dashboard.culling.team_model import team_model
from storage.catalog import views, writes
from storage.catalog.schema import Output, Review, Run, RunCell, Subject, TriageModel
from tests.deploy.dashboard.conftest import Site
from tests.deploy.dashboard.reviewing import Open, shown


def decide_by_score(site: Site, count: int) -> None:
    """The team keeps what has a high clip_i, which the made-up scores are then made to be."""
    chance = random.Random(7)
    with site.catalog.write() as s:
        ids = s.scalars(select(Output.id).order_by(Output.id)).all()
        kept = {one: chance.random() < 0.7 for one in ids}
        values = {one: (0.8 if kept[one] else 0.5) + 0.05 * chance.random() for one in ids}
        writes.add_scores(s, metric="clip_i", version="2", values=values)
        for one in ids[:count]:
            decision: Any = "approved" if kept[one] else "rejected"
            fields = {"uuid": f"decided-{one}", "output_id": one, "revision": 1, "reviewer": "operator"}
            writes.add_review(s, decision=decision, **fields)


def started(site: Site, **more: str) -> views.Queue:
    with site.client("reviewer") as client:
        made = client.post("/review", data={"decision": "none", "triage": "yes", **more})
    with site.catalog.read() as s:
        return views.queue(s, made.headers["location"].rpartition("/")[2])


def scores(site: Site, ids: Any) -> list[float]:
    with site.catalog.read() as s:
        found = views.scores_of(s, ids)
    return [found[one]["clip_i"] for one in ids]


def test_with_few_decisions_the_queue_is_as_it_was_and_the_page_says_what_is_missing(site: Site) -> None:
    with site.client("reviewer") as client:
        listed = client.get("/review").text
    assert "It needs 20 approvals and 20 rejections; there are 0 and 0." in listed
    queue = started(site)
    assert (len(queue.output_ids), queue.hidden, queue.triage) == (240, (), None)
    decide_by_score(site, 120)  # a model can order, and no bound can be given
    queue = started(site)
    assert queue.triage is not None
    assert (queue.triage["hides"], queue.hidden, len(queue.output_ids)) == (False, (), 120)
    found = scores(site, queue.output_ids)
    rejects = sum(one < 0.65 for one in found)
    assert max(found[-rejects:]) < 0.65, "what the team would reject is last"


def test_the_hopeless_are_hidden_undecided_and_shown_on_request(site: Site) -> None:
    decide_by_score(site, 200)
    queue = started(site)
    assert queue.triage is not None
    assert queue.triage["decisions"] == 200
    assert queue.triage["checked"] >= 99
    assert len(queue.hidden) > 0
    assert len(queue.output_ids) + len(queue.hidden) == 40
    assert max(scores(site, queue.hidden)) < 0.65
    with site.client("reviewer") as client:
        page = client.get(f"/review/{queue.id}").text
        assert f"{len(queue.hidden)} hidden: show" in page
        assert "At most 1 % of what would be kept is hidden, on average over decisions on these subjects" in page
        opened = client.post(f"/review/{queue.id}/hidden")
        assert opened.headers["location"] == f"/review/{queue.id}?at={len(queue.output_ids)}"
        assert "hidden: show" not in client.get(f"/review/{queue.id}").text
        client.post(f"/review/{queue.id}/hidden")  # again: nothing more
    with site.client("operator") as client:
        assert client.post(f"/review/{queue.id}/hidden").status_code == 400, "someone else's queue"
    with site.catalog.read() as s:
        after = views.queue(s, queue.id)
        assert list(after.output_ids) == [*queue.output_ids, *queue.hidden]
        assert after.hidden == ()
        states = s.scalars(select(Output.decision).where(Output.id.in_(queue.hidden))).all()
        assert set(states) == {"none"}
        assert s.scalar(select(Review.id).where(Review.output_id.in_(queue.hidden))) is None


def test_a_split_deals_out_what_is_hidden_too_and_new_pictures_come_once(site: Site) -> None:
    decide_by_score(site, 200)
    with site.client("reviewer") as client:
        made = client.post("/review", data={"decision": "none", "triage": "yes", "parts": "2"}).headers["location"]
        client.post(f"{made}/new")
    with site.catalog.read() as s:
        queues = [part.queue for part in views.split(s, made.rpartition("/")[2]).parts]
    everything = [one for queue in queues for one in (*queue.output_ids, *queue.hidden)]
    assert len(everything) == len(set(everything)) == 40
    assert all(queue.hidden for queue in queues)


def test_a_model_is_stored_and_fitted_anew_after_enough_decisions(site: Site) -> None:
    decide_by_score(site, 150)
    first = team_model(site.catalog, None)
    again = team_model(site.catalog, None)
    assert first is not None
    assert again is not None
    assert first.id == again.id
    with site.catalog.write() as s:
        left = s.scalars(select(Output.id).where(Output.decision == "none").order_by(Output.id).limit(20)).all()
    for one in left:
        site.say("operator", one, "rejected", 1)
    later = team_model(site.catalog, None)
    assert later is not None
    assert (later.id, later.decisions) == ((first.id or 0) + 1, 170)


@pytest.mark.slow
def test_hidden_pictures_are_opened_from_the_page(site: Site, tab: Open) -> None:
    decide_by_score(site, 200)
    queue = started(site)
    page = tab(site, f"/review/{queue.id}")
    shown(page, 1, len(queue.output_ids))
    page.locator(".status .show-hidden button").click()
    shown(page, len(queue.output_ids) + 1, 40)


def two_projects(site: Site) -> dict[str, int]:
    """The pictures of momo are of a second run and project; what pip's people keep, momo's people reject."""
    with site.catalog.write() as s:
        projects = {name: writes.add_project(s, name=name, actor="admin") for name in ("spring", "autumn")}
        momo, pip = (views.subject_id(s, name) for name in ("momo", "pip"))
        (first,) = (one.id for one in views.recent_runs(s))
        second = writes.start_run(s, name="other", spec={}, flow_run_id=None)
        theirs = s.scalars(select(Output.cell_id).where(Output.subject_id == momo)).all()
        s.execute(update(RunCell).where(RunCell.cell_id.in_(theirs)).values(run_id=second))
        s.execute(update(Output).where(Output.subject_id == momo).values(run_id=second))
        for subject, run, project in ((pip, first, "spring"), (momo, second, "autumn")):
            s.get_one(Subject, subject).project_id = projects[project]
            s.get_one(Run, run).project_id = projects[project]
        ids = s.execute(select(Output.id, Output.subject_id).order_by(Output.id)).all()
        high = {one: one % 3 > 0 for one, _ in ids}
        values = {one: (0.8 if high[one] else 0.5) + one / 10_000 for one, _ in ids}
        writes.add_scores(s, metric="clip_i", version="2", values=values)
        for place, (one, subject) in enumerate(ids):
            if place % 120 < 80:
                keeps = high[one] == (subject == pip)
                fields = {"uuid": f"of-two-{one}", "output_id": one, "revision": 1, "reviewer": "ann"}
                writes.add_review(s, decision="approved" if keeps else "rejected", **fields)
    return projects


@pytest.mark.slow
def test_a_projects_pictures_are_judged_by_its_own_decisions_alone(site: Site) -> None:
    projects = two_projects(site)
    with site.catalog.write() as s:
        people = {one.name: one.id for one in views.users(s)}
        writes.set_member(s, projects["autumn"], people["reviewer"], "reviewer", actor="admin")
        for project in projects.values():
            writes.set_member(s, project, people["operator"], "operator", actor="admin")
    with site.client("operator") as client:  # both projects: models of both are stored before the reviewer asks
        made = client.post("/review", data={"decision": "none", "triage": "yes"})
        assert made.status_code == 303
        assert "of 2 projects, each for its own pictures" in client.get(made.headers["location"]).text
    with site.catalog.read() as s:
        both = views.queue(s, made.headers["location"].rpartition("/")[2])
        of = views.projects_of(s, both.output_ids)
    for name, best_first in (("spring", True), ("autumn", False)):
        mine = [one for one in both.output_ids if of[one] == projects[name]]
        found = scores(site, mine)
        assert len(found) == 40
        assert (found[0] > 0.7, found[-1] > 0.7) == (best_first, not best_first), name
    queue = started(site)
    assert queue.triage is not None
    assert {*map(of.get, queue.output_ids)} == {projects["autumn"]}
    assert queue.triage["decisions"] == 80
    assert scores(site, queue.output_ids)[0] < 0.7, "what spring's people keep says nothing here"
    with site.client("reviewer") as client:
        page = client.get("/review").text
    assert "autumn" in page
    assert "spring" not in page
    with site.catalog.read() as s:
        models = s.execute(select(TriageModel.project_id, TriageModel.decisions)).all()
    assert sorted(models) == sorted((one, 80) for one in projects.values())
    with site.catalog.write() as s:  # whoever moves a subject takes its decisions along
        writes.move_subject(s, "momo", None, actor="admin")
        assert s.scalars(select(TriageModel.project_id)).all() == [projects["spring"]]


def test_of_a_project_without_enough_decisions_nothing_is_hidden(site: Site) -> None:
    projects = two_projects(site)
    with site.catalog.write() as s:
        s.execute(update(Output).where(Output.subject_id == views.subject_id(s, "momo")).values(decision="none"))
    with site.client("admin") as client:
        made = client.post("/review", data={"decision": "none", "triage": "yes"}).headers["location"]
    with site.catalog.read() as s:
        queue = views.queue(s, made.rpartition("/")[2])
        of = views.projects_of(s, [*queue.output_ids, *queue.hidden])
    assert queue.triage is not None
    assert (queue.triage["decisions"], len(queue.triage["models"])) == (80, 1)
    assert sum(project == projects["autumn"] for project in of.values()) == 120
    assert all(of[one] == projects["spring"] for one in queue.hidden)
