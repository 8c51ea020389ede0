"""Orders of thousands of subjects: what Prefect is sent stays small, and means the same."""

import json
import re
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest

from deploy.dashboard.ordering.schedules import Schedule, seen
from flows.spec.model import Spec
from flows.spec.stored import FROM, written_out
from storage.catalog import views, writes
from storage.catalog.narrowing import Viewer
from storage.catalog.schema import Subject
from storage.objects import DiskStore, open_store
from tests.deploy.dashboard.conftest import Site
from tests.deploy.dashboard.ordering.test_order_form import ORDER, shown, yaml_of
from tests.deploy.dashboard.orders import Orders, orders

SCHEDULED = {"do": "schedule", "cron": "0 6 * * 1-5", "timezone": "Europe/Berlin"}
PREFECT = 512 * 1024


@pytest.fixture
def taken() -> Iterator[Orders]:
    """A server that takes orders."""
    with orders() as taken:
        yield taken


def large(count: int, **more: Any) -> Spec:
    more = more or {"reference": "s3://shop/%060d.png"}
    rows = [{"name": f"sku{i}", "class_word": "shoe", **more} for i in range(count)]
    for i, row in enumerate(rows):
        row |= {"reference": row["reference"] % i} if "reference" in row else {}
    return Spec.model_validate(
        {"name": "feed", "subjects": rows, "prompts": ["a {subject}"], "seeds": "1-2", "profile": "pocket"}
    )


def run_of(site: Site, spec: Spec) -> str:
    with site.catalog.write() as s:
        run = writes.start_run(s, name=spec.name, spec=spec.model_dump(mode="json"), flow_run_id=None)
        writes.finish_run(s, run, "failed")
    return run


def meant(site: Site, parameters: dict[str, Any]) -> Spec:
    """The spec that a worker of this house would run."""
    store = open_store(site.settings.store_url)
    return Spec.model_validate(written_out(parameters["spec"], lambda: store))


@pytest.mark.slow
@pytest.mark.parametrize("count", [300, pytest.param(5000, marks=pytest.mark.slow)])
def test_a_large_run_is_run_again_ordered_again_and_scheduled(
    taken: Orders, start: Callable[..., Site], count: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    if count < 5000:
        monkeypatch.setattr("flows.spec.stored.MOST_BYTES", 20_000)
    site = start(prefect_api=taken.api)
    spec = large(count)
    run = run_of(site, spec)
    with site.client("operator") as client:
        assert client.post(f"/runs/{run}/again").status_code == 303
        page = client.get(f"/orders/new?run={run}")
        assert len(page.content) < 200_000, "the form does not carry the subjects"
        assert f"The subjects of run {run[:8]}: {count:,}" in re.sub(r"\s+", " ", shown(page.text)).replace(" :", ":")
        form = ORDER | {"yaml": yaml_of(page.text), "feed": f"run://{run}", "feed_kept": "1", "name": "feed"}
        form |= {"prompts": "a {subject}"}
        del form["subject"]
        placed = client.post("/orders", data=form)
        assert placed.status_code == 303, shown(placed.text)[:3000]
        assert client.post("/orders", data=form | SCHEDULED).headers["location"] == "/orders/schedules"
        listed = client.get("/orders/schedules").text
        assert "feed" in shown(listed)
    sent = [given for _, given in taken.taken] + [one["parameters"] for one in taken.schedules.values()]
    assert len(sent) == 3
    for given in sent:
        assert len(json.dumps(given)) < PREFECT / 100
        assert meant(site, given) == spec


def test_what_no_table_can_say_and_many_prompts_are_ordered_too(
    taken: Orders, start: Callable[..., Site], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("flows.spec.stored.MOST_BYTES", 2_000)
    site = start(prefect_api=taken.api)
    spec = large(12, references=[{"image": "s3://shop/front.png"}, {"image": "s3://shop/side.png", "weight": 0.5}])
    spec = spec.model_copy(update={"prompts": tuple(f"a {{subject}} {i}" for i in range(40))})
    with site.client("operator") as client:
        text = json.dumps(spec.model_dump(mode="json", exclude_defaults=True))
        assert client.post("/orders", data={"mode": "yaml", "yaml": text}).status_code == 303
    ((_, given),) = taken.taken
    assert {*given["spec"]} == {"name", FROM}
    assert meant(site, given) == spec


def member(site: Site, name: str, project: int) -> None:
    with site.catalog.write() as s:
        user = next(one.id for one in views.users(s) if one.name == name)
        writes.set_member(s, project, user, "operator", actor="admin")


@pytest.mark.slow
def test_a_large_schedule_is_seen_by_who_sees_its_subjects(
    taken: Orders, start: Callable[..., Site], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("flows.spec.stored.MOST_BYTES", 200)
    site = start(prefect_api=taken.api)
    with site.catalog.write() as s:
        winter, other = (writes.add_project(s, name=name, actor="admin") for name in ("winter", "other"))
        s.get_one(Subject, views.subject_id(s, "pip")).project_id = winter
    member(site, "operator", winter)
    table = ("pip.csv", "name\npip\nmomo\n", "text/csv")
    with site.client("admin") as client:
        page = client.post("/orders", data=ORDER | {"do": "feed"}, files={"new_feed": table}).text
        (feed,) = re.findall(r'name="feed" value="([^"]+)"', page)
        by_table = ORDER | {"yaml": yaml_of(page), "feed": feed, "feed_kept": "1", "name": "by-table"}
        for order in (ORDER | {"name": "by-place", "prompts": "a {subject} " + "on the beach " * 9}, by_table):
            answer = client.post("/orders", data=order | SCHEDULED)
            assert answer.status_code == 303, shown(answer.text)[:2000]
    assert {"by-place", "by-table"} == {one["parameters"]["spec"]["name"] for one in taken.schedules.values()}
    with site.client("operator") as client:
        mine = client.get("/orders/schedules").text
        assert "by-place" in mine
        assert "by-table" in mine
    with site.catalog.write() as s:
        user = next(one.id for one in views.users(s) if one.name == "operator")
        writes.remove_member(s, winter, user, actor="admin")
    member(site, "operator", other)
    with site.client("operator") as client:
        theirs = client.get("/orders/schedules").text
        assert "by-place" not in theirs
        assert "by-table" not in theirs


def test_a_schedule_of_a_table_elsewhere_is_an_admins_alone(start: Callable[..., Site]) -> None:
    site, store = start(), DiskStore(Path("nowhere"))
    spec = {"name": "daily", "prompts": ["a {subject}"], "seeds": [1]}
    tables = [{FROM: "https://shop.example/today.csv"}, [{"name": "pip"}]]
    specs = [spec | {"subjects": one} for one in tables]
    made = [Schedule(str(i), "daily", "0 6 * * *", "UTC", True, {"spec": one}) for i, one in enumerate(specs)]
    with site.catalog.seen_by(Viewer("operator", frozenset())).read() as s:
        assert [one.id for one in seen(s, made, store)] == ["1"]
    with site.catalog.read() as s:
        assert [one.id for one in seen(s, made, store)] == ["0", "1"]


def test_two_people_may_upload_the_same_table(taken: Orders, start: Callable[..., Site]) -> None:
    site = start(prefect_api=taken.api)
    with site.catalog.write() as s:
        mine = writes.add_project(s, name="mine", actor="admin")
    member(site, "operator", mine)

    def upload(who: str) -> httpx.Response:
        table = ("t.csv", "name\npip\n", "text/csv")
        with site.client(who) as client:
            return client.post("/orders", data=ORDER | {"do": "feed"}, files={"new_feed": table})

    for who in ("admin", "operator"):
        assert "The subjects of an uploaded table: 1" in re.sub(r"\s+", " ", shown(upload(who).text)), who


def once_of(page: str) -> str:
    (found, *_) = re.findall(r'name="once" value="(\w{32})"', page)
    return str(found)


def test_a_form_that_is_sent_twice_orders_once(taken: Orders, start: Callable[..., Site]) -> None:
    site = start(prefect_api=taken.api)
    run = run_of(site, large(2))
    with site.client("operator") as client:
        order = ORDER | {"once": once_of(client.get("/orders/new").text)}
        for sent in (order, order, order | {"seeds": "9"}, ORDER, ORDER):
            assert client.post("/orders", data=sent).status_code == 303
        assert [given["spec"]["seeds"] for _, given in taken.taken] == [[1, 2], [9], [1, 2], [1, 2]]
        again = {"once": once_of(client.get(f"/runs/{run}").text)}
        for sent in (again, again, {"once": once_of(client.get(f"/runs/{run}").text)}):
            assert client.post(f"/runs/{run}/again", data=sent).status_code == 303
        assert len(taken.taken) == 6
        for cron in ("0 6 * * *", "0 6 * * *", "0 7 * * *"):
            assert client.post("/orders", data=order | SCHEDULED | {"cron": cron}).status_code == 303
    assert sorted(one["schedule"]["cron"] for one in taken.schedules.values()) == ["0 6 * * *", "0 7 * * *"]
