"""The form of an order over HTTP: what it says, what it keeps, what it sends to Prefect."""

import re
from collections.abc import Callable, Iterator
from html import unescape
from typing import Any

import httpx
import pytest

from deploy.dashboard.ordering.draft import Draft
from flows.spec.model import Spec
from storage.catalog import views, writes
from storage.catalog.schema import Cell, Run
from storage.rates import Rates
from tests.deploy.dashboard.conftest import Site
from tests.deploy.dashboard.made_up import plain, png
from tests.deploy.dashboard.orders import Orders, orders

ORDER: dict[str, Any] = {"mode": "form", "name": "trip", "profile": "pocket", "subject": "pip", "seeds": "1-2"}
ORDER |= {"prompts": "a {style} of a {subject} in the snow", "priority": "normal"}


@pytest.fixture
def taken() -> Iterator[Orders]:
    """A server that takes orders."""
    with orders() as taken:
        yield taken


def shown(text: str) -> str:
    """A page as it is read."""
    return unescape(re.sub(r"<[^>]+>", " ", text))


def problems(page: str) -> dict[str, str]:
    """What a page says at each field."""
    lists = re.findall(r'data-wrong="([^"]+)"(.*?)</ul>', page, re.DOTALL)
    return {field: shown(f"<ul {rest}") for field, rest in lists}


def yaml_of(page: str) -> str:
    """The YAML that a page carries."""
    found = re.search(r'<textarea name="yaml"[^>]*>(.*?)</textarea>', page, re.DOTALL)
    assert found is not None
    return unescape(found[1])


def test_an_order_reaches_prefect_with_everything_that_was_said(taken: Orders, start: Callable[..., Site]) -> None:
    site = start(prefect_api=taken.api)
    more = {"masker": "birefnet", "estimators.pose": "dwpose", "new_weights": "1", "sampling.steps": "7"}
    more |= {"sampling.control_weights": "{pose: 0.8}"}  # as its help writes it
    more |= {"poses": ["null", "s3://poses/wave.png"], "negative_prompt": "rain", "scored": "none"}
    with site.client("operator") as client:
        page = client.get("/orders/new").text
        assert all(f'name="{field}"' in page for field in more if field != "poses")
        for sent in (ORDER, ORDER | more):
            assert client.post("/orders", data=sent).status_code == 303
    (_, first), (_, full) = taken.taken
    assert Spec.model_validate(first["spec"]) == Spec(
        name="trip", subjects=[{"name": "pip"}], prompts=["a {style} of a {subject} in the snow"], seeds=[1, 2]
    )
    assert (first["new_weights"], full["new_weights"], full["new_defaults"]) == (False, True, False)
    said = {"masker": "birefnet", "estimators": {"pose": "dwpose"}, "poses": [None, "s3://poses/wave.png"]}
    said |= {"negative_prompt": "rain", "score": [], "sampling": {"steps": 7, "control_weights": {"pose": 0.8}}}
    assert full["spec"] == first["spec"] | said
    with site.catalog.read() as s:
        (line, *_) = views.audit_page(s, action="start flow").rows
    assert (line.actor, line.after["parameters"]) == ("operator", full)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("{", "line 1: column 2: while parsing a flow node"),
        ("name: x\nname: y", "line 2: column 1: duplicate key 'name' (first in line 1); remove one"),
        ("a: &a [*a]", "an alias (*name) stands for what it is part of; write it out"),
    ],
)
def test_text_that_is_no_yaml_is_said_with_its_line(text: str, said: str) -> None:
    assert Draft.of(text).why.startswith(said)


def test_what_is_wrong_is_said_at_its_field_and_what_was_typed_comes_back(taken: Orders, start: Any) -> None:
    site = start(prefect_api=taken.api)
    wrong = {"prompts": "a {sbject} walks\nno placeholder", "seeds": "9-2", "sampling.steps": "many", "workers": "-1"}
    with site.client("operator") as client:
        answer = client.post("/orders", data=ORDER | wrong | {"name": "", "new_name": "zoe", "cron": "0 6 * * *"})
    assert answer.status_code == 400
    assert taken.taken == []
    said = problems(answer.text)
    assert "lacks the placeholder {subject}" in said["prompts"]
    assert "Number 2: " in said["prompts"]
    assert "is descending; write 2-9" in said["seeds"]
    assert "ust be a number, not 'many'" in said["sampling.steps"]
    assert "give 0 or more" in said["workers"]
    assert "Is missing; add it" in said["name"]
    for kept in ("a {sbject} walks", 'value="many"', 'value="9-2"', 'value="zoe"', 'value="0 6 * * *"'):
        assert kept in unescape(answer.text)


def test_a_new_order_is_not_full_of_errors(shared: Site) -> None:
    with shared.client("operator") as client:
        page = client.get("/orders/new").text
    assert "Still needed: name, subjects, prompts." in shown(page)
    assert "aria-invalid" not in page
    assert all(one in page for one in ("Apache-2.0", "CreativeML"[:4], "no-picture"[:2]))


def test_the_price_is_what_was_measured(shared: Site) -> None:
    with shared.catalog.write() as s:
        s.query(Cell).update({"device_seconds": 2.0, "device": "cpu", "settings": {"sampling": {"steps": 20}}})
        for run in s.query(Run):
            run.spec = dict(run.spec) | {"profile": "pocket"}
    with shared.client("operator") as client:
        found = client.post("/orders/check", data=ORDER | {"scored": "none"}).text
    assert re.search(r"Images\s+2\b", shown(found))
    assert "4.0 s on cpu" in shown(found)


@pytest.mark.slow
def test_above_the_quota_an_order_has_to_be_confirmed(taken: Orders, start: Any) -> None:
    site = start(prefect_api=taken.api, order_quota=0.0, rates=Rates("EUR", {"cpu": 1.0}))
    with site.client("operator") as client:
        asked = client.post("/orders", data=ORDER)
        assert (asked.status_code, taken.taken) == (400, [])
        assert "Order it all the same" in asked.text
        assert "Tick that the order may take more than the quota" in shown(asked.text)
        assert client.post("/orders", data=ORDER | {"confirm": "1"}).status_code == 303
    assert len(taken.taken) == 1


def test_yaml_is_shown_pasted_and_shown_again(shared: Site) -> None:
    text = "# mine\nname: trip\nextra: 1  # kept\nsubjects: [{name: pip, caption: a bear}]\n"
    text += "prompts: ['a {subject}']\nseeds: 1-2\n"
    with shared.client("operator") as client:
        form = client.post("/orders", data={"mode": "yaml", "yaml": text, "do": "form"}).text
        assert 'value="1, 2"' in form
        assert "Kept as written, without a field here: extra." in shown(form)
        assert yaml_of(form) == text
        sent = {"mode": "form", "yaml": text, "name": "trip", "profile": "pocket", "subject": ["pip", "momo"]}
        sent |= {"prompts": "a {subject}", "seeds": "1, 2", "do": "yaml"}
        back = client.post("/orders", data=sent).text
        broken = client.post("/orders", data={"mode": "yaml", "yaml": "name: [", "do": "form"}).text
    assert "# kept" in yaml_of(back)
    assert "- name: momo" in yaml_of(back)
    assert "caption: a bear" in yaml_of(back)
    assert "extra: unknown key" in shown(back)
    assert yaml_of(broken) == "name: ["
    assert "expected the node content" in broken


@pytest.mark.slow
def test_a_subject_is_uploaded_within_an_order_and_its_files_outlive_an_error(site: Site) -> None:
    new = {"new_name": "pip", "new_class_word": "robot", "new_style": "natural", "do": "subject"}
    files = {"new_reference": ("bolt.png", png(plain(4, -1, 0)), "image/png")}
    with site.client("operator") as client:
        refused = client.post("/orders", data=ORDER | new, files=files)
        assert (refused.status_code, "is already the name of a bear" in shown(refused.text)) == (400, True)
        assert "bolt.png is kept; choose another to replace it" in shown(refused.text)
        kept = dict(re.findall(r'name="(kept_new_reference(?:_name)?)" value="([^"]*)"', refused.text))
        done = client.post("/orders", data=ORDER | new | kept | {"new_name": "bolt"})
    assert done.status_code == 200
    assert re.search(r'name="subject" value="bolt" checked', done.text)
    assert "in the snow" in done.text, "what was typed is there"
    with site.catalog.read() as s:
        assert views.subject_assets(s, "bolt").class_word == "robot"


@pytest.mark.slow
def test_a_pose_is_uploaded_shown_as_a_picture_and_spared_by_the_collector(site: Site) -> None:
    from PIL import Image, ImageDraw

    from storage.catalog.garbage import blobs

    pose = Image.new("RGB", (64, 64))
    ImageDraw.Draw(pose).line([32, 10, 40, 52], "yellow", 3)
    ImageDraw.Draw(pose).line([12, 30, 52, 20], "cyan", 3)
    with site.client("operator") as client:
        photo = client.post(
            "/orders", data=ORDER | {"do": "poses"}, files={"new_poses": ("p.png", png(plain(1, 1, 1)), "image/png")}
        )
        done = client.post(
            "/orders", data=ORDER | {"do": "poses"}, files={"new_poses": ("wave.png", png(pose), "image/png")}
        )
    assert (photo.status_code, "Pose: p.png" in shown(photo.text)) == (400, True)
    (sha,) = re.findall(r'name="poses" value="object://([0-9a-f]{64})" checked', done.text)
    assert f"/thumbs/{sha}.webp" in done.text
    assert f"object://{sha}" in yaml_of(done.text)
    with site.catalog.read() as s:
        assert {one: used for one, _, used in blobs(s, limit=1000)}[sha]


@pytest.mark.parametrize("rows", [20, pytest.param(5000, marks=pytest.mark.slow)])
def test_a_table_of_subjects_is_checked_as_a_whole_and_ordered(taken: Orders, start: Any, rows: int) -> None:
    site = start(prefect_api=taken.api)
    good = "name;class word;reference\npip;;\n" + "".join(
        f"sku{i};shoe;https://cdn.test/{i}.jpg\n" for i in range(rows)
    )
    bad = "name,class_word,style\nnobody,,\npip,cat,\nmomo,,cubist\n"
    with site.client("operator") as client:

        def sent(text: str) -> httpx.Response:
            return client.post(
                "/orders", data=ORDER | {"do": "feed"}, files={"new_feed": ("f.csv", text.encode(), "text/csv")}
            )

        page = sent(bad).text
        assert "3 faults; nothing is started" in shown(page)
        assert "the catalog has no subject 'nobody'" in shown(page)
        assert "is 'cat', but the catalog's 'pip' has 'bear'" in shown(page)
        (sha,) = re.findall(r"/orders/tables/([0-9a-f]{64})/faults.csv", page)
        listed = client.get(f"/orders/tables/{sha}/faults.csv")
        assert (listed.text.count("\r\n"), "attachment" in listed.headers["content-disposition"]) == (4, True)
        refused = client.post(
            "/orders", data=ORDER | {"yaml": yaml_of(page), "feed": f"object://{sha}", "feed_kept": "1"}
        )
        assert (refused.status_code, taken.taken) == (400, [])
        page = sent(good).text
        (feed,) = re.findall(r'name="feed" value="([^"]+)"', page)
        assert f"{rows + 1:,} subjects ({rows:,} new)" in shown(page)
        order = ORDER | {"yaml": yaml_of(page), "feed": feed, "feed_kept": "1"}
        assert client.post("/orders", data=order).status_code == 303
        assert client.get("/orders/tables/example.csv").text.startswith("\ufeffname,class_word")
    assert taken.taken[-1][1]["spec"]["subjects"] == {"from": feed}


def test_no_file_of_this_machine_is_read_for_an_order(shared: Site) -> None:
    text = "name: x\nsubjects: {from: PLACE}\nprompts: ['a {subject}']\nseeds: 1\n"
    with shared.client("operator") as client:
        for place in ("/etc/passwd", "https://127.0.0.1/x.csv", "object://" + "0" * 64):
            said = shown(client.post("/orders/check", data={"mode": "yaml", "yaml": text.replace("PLACE", place)}).text)
            assert "upload the CSV" in said
            assert "root:" not in said


def test_a_preset_is_offered_to_everybody_only_where_there_are_no_projects(site: Site) -> None:
    def offered() -> list[bool]:
        found = []
        for role in ("operator", "admin"):
            with site.client(role) as client:
                page = client.get("/orders/new").text
                assert 'name="preset_name"' in page
                found.append('name="preset_shared"' in page)
        return found

    assert offered() == [True, True]
    with site.catalog.write() as s:
        writes.add_project(s, name="spring", actor="setup")
    assert offered() == [False, False]


@pytest.mark.slow
def test_presets_are_kept_shared_ordered_from_and_deleted(site: Site) -> None:
    keep = {"do": "preset", "preset_name": "winter", "yaml": "# mine\nname: old\n"}
    with site.client("operator") as mine, site.client("admin") as other:
        assert "Kept as preset winter" in shown(mine.post("/orders", data=ORDER | keep).text)
        assert "winter" not in other.get("/orders/new").text
        mine.post("/orders", data=ORDER | keep | {"preset_shared": "1"})
        page = other.get("/orders/new").text
        (link,) = re.findall(r'/orders/new\?preset=(\d+)"', page)
        begun = other.get(f"/orders/new?preset={link}").text
        assert "# mine" in yaml_of(begun)
        assert 'value="trip"' in begun
        nameless = mine.post("/orders", data=ORDER | keep | {"preset_name": " "})
        assert (nameless.status_code, "give it a name of 1 to 60" in shown(nameless.text)) == (400, True)
        assert mine.post(f"/orders/presets/{link}/delete").status_code == 303
        assert other.get(f"/orders/new?preset={link}").status_code == 404


@pytest.mark.slow
def test_a_run_is_ordered_again_by_its_exact_spec(taken: Orders, start: Any) -> None:
    site = start(prefect_api=taken.api)
    spec = Spec(name="once", subjects=[{"name": "pip"}], prompts=["a {subject}"], seeds=[1, 2, 3, 7], score=["clip_i"])
    with site.catalog.write() as s:
        run = writes.start_run(s, name="once", spec=spec.model_dump(mode="json"), flow_run_id=None)
    with site.client("operator") as client:
        page = client.get(f"/orders/new?run={run}").text
        assert "1-3, 7" in page
        text = yaml_of(page)
        assert client.post("/orders", data={"mode": "yaml", "yaml": text}).status_code == 303
    assert Spec.model_validate(taken.taken[-1][1]["spec"]) == spec


@pytest.mark.slow
def test_schedules_are_prefects_and_a_server_that_is_away_leaves_nothing_behind(taken: Orders, start: Any) -> None:
    site, dead = start(prefect_api=taken.api), start(prefect_api="http://127.0.0.1:9/api")
    when = {"do": "schedule", "cron": "0 6 * * 1-5", "timezone": "Europe/Berlin"}
    with site.client("operator") as client:
        for wrong, said in (({"cron": "daily"}, "is not five fields"), ({"timezone": "Mars"}, "is not known")):
            answer = client.post("/orders", data=ORDER | when | wrong)
            assert (answer.status_code, said in shown(answer.text), taken.schedules) == (400, True, {})
        assert client.post("/orders", data=ORDER | when).headers["location"] == "/orders/schedules"
        (one,) = taken.schedules
        assert client.post(f"/orders/schedules/{one}/pause").status_code == 303
        assert (taken.schedules[one]["active"], taken.schedules[one]["parameters"]["spec"]["name"]) == (False, "trip")
        assert "paused" in shown(client.get("/orders/schedules").text)
        assert client.post(f"/orders/schedules/{one}/resume").status_code == 303
        assert taken.schedules[one]["active"]
        assert client.post(f"/orders/schedules/{one}/delete").status_code == 303
        assert client.post(f"/orders/schedules/{one}/delete").status_code == 404
    with dead.client("operator") as client:
        answer = client.post("/orders", data=ORDER | when)
        assert (answer.status_code, "Prefect does not respond" in shown(answer.text)) == (503, True)
        assert "in the snow" in answer.text, "what was typed is there"
        assert "Prefect is unavailable" in client.get("/orders/schedules").text
    with dead.catalog.read() as s:
        assert views.audit_page(s, action="schedule order").rows == []
