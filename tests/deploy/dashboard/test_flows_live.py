"""Ordering flows from the dashboard, on a real Prefect server with real workers."""

import re
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest

from deploy.dashboard.flow_parameters import ATTENTION
from storage.catalog import views
from tests.deploy.dashboard.conftest import Site, add_people, serving
from tests.deploy.prefect_live import Live, Run, prefect_server

pytestmark = pytest.mark.slow
GPU, CPU = "dreamtuner-gpu", "dreamtuner-cpu"


@pytest.fixture(scope="module")
def stack() -> Iterator[ExitStack]:
    with ExitStack() as open_things:
        yield open_things


@pytest.fixture(scope="module")
def server(stack: ExitStack, tmp_path_factory: pytest.TempPathFactory) -> Live:
    """A server that knows our deployments, until the last test takes it away."""
    live = stack.enter_context(prefect_server(tmp_path_factory.mktemp("prefect")))
    done = live.dreamtuner("deploy")
    assert done.returncode == 0, done.stderr
    return live


@pytest.fixture
def live(server: Live, environment: dict[str, str]) -> Iterator[Live]:
    """The server, with this test's home for workers."""
    live = Live(server.environment | environment)
    yield live
    live.close()


@pytest.fixture
def site(live: Live) -> Iterator[Site]:
    """A dashboard over the same home."""
    home = Path(live.environment["DREAMTUNER_HOME"])
    home.mkdir(parents=True, exist_ok=True)
    add_people(home)
    with serving(home, prefect_api=live.environment["PREFECT_API_URL"], prefect_ui="http://prefect.example") as site:
        yield site


def shown(site: Site) -> str:
    """The list of runs."""
    with site.client("operator") as client:
        return client.get("/fragments/flow-runs").text


def newest(live: Live) -> Run:
    """The flow run that was ordered last from the dashboard."""
    ours = [one for one in live.filtered("flow_runs") if "dashboard" in one["tags"]]
    return max(ours, key=lambda one: str(one["created"]))


def test_references_come_in_by_a_form_out_of_the_flows_own_schema(live: Live, site: Site, spec: Path) -> None:
    reference = spec.parent / "pip.png"
    with site.client("operator") as client:
        page = client.get("/flows").text
        assert re.search(r'name="p.subjects.name"[^>]* required', page)
        for field in ("p.subjects.class_word", "p.subjects.reference"):  # of a known subject its name is enough
            assert re.search(rf'name="{field}"', page), field
            assert not re.search(rf'name="{field}"[^>]* required', page), field
        filled = {"p.subjects.name": "pip", "p.subjects.class_word": "bear", "p.subjects.style": "natural"}
        order = {"deployment": "ingest/ingest", **filled, "p.subjects.reference": str(reference)}
        refused = client.post("/flows/run", data=order | {"p.subjects.class_word": "two {braces}"})
        assert refused.status_code == 503
        assert "Prefect rejected the request (4" in refused.text
        assert client.post("/flows/run", data=order).status_code == 303
    run = newest(live)
    with live.worker(CPU):
        assert live.ended(run["id"]) == "COMPLETED"
    assert "Completed" in shown(site)
    assert f"http://prefect.example/runs/flow-run/{run['id']}" in shown(site)
    with site.catalog.read() as s:
        assert [one.name for one in views.subjects_page(s)] == ["pip"]
        (audit,) = views.audit_page(s, action="start flow").rows
    assert (audit.actor, audit.entity_id, audit.after["deployment"]) == ("operator", run["id"], "ingest/ingest")


def test_a_catalog_run_is_ordered_of_known_subjects_watched_and_cancelled(live: Live, site: Site, spec: Path) -> None:
    assert (
        live.dreamtuner("ingest", str(spec.parent / "pip.png"), "--name", "pip", "--class-word", "bear").returncode == 0
    )
    order = {"mode": "form", "name": "trip", "subject": "pip", "seeds": "1-400"}
    order |= {"prompts": "a {style} of a {subject} on the beach\na {style} of a {subject} in the snow"}
    with site.client("operator") as client:
        for wanting, said in (({"subject": []}, "Subjects"), ({"seeds": "4-1"}, "is descending; write 1-4")):
            assert said in client.post("/orders", data=order | wanting).text
        assert client.post("/orders", data=order).status_code == 303
        run = newest(live)["id"]
        assert "Scheduled" in shown(site) or "Late" in shown(site)
        with live.workers():
            live.wait(lambda: live.flow_run(run)["state_type"] == "RUNNING", 240, "the run")
            live.wait(lambda: _made(site), 240, "the first picture")
            assert "Running" in shown(site)
            assert client.get("/").text.count("<progress") == 1
            assert client.post(f"/flows/{run}/cancel").status_code == 303
            assert live.ended(run) == "CANCELLED"
        assert "Cancelled" in shown(site)
        # one that no worker took yet
        assert client.post("/orders", data=order).status_code == 303
        run = newest(live)["id"]
        assert client.post(f"/flows/{run}/cancel").status_code == 303
        assert live.ended(run) == "CANCELLED"
        # and one of a deployment that is not on the list
        other = live.start("nightly", specs=str(spec.parent))
        assert client.post(f"/flows/{other}/cancel").status_code == 403
        live.cancel(other)


def test_an_order_is_scheduled_paused_resumed_and_deleted(live: Live, site: Site, spec: Path) -> None:
    assert (
        live.dreamtuner("ingest", str(spec.parent / "pip.png"), "--name", "pip", "--class-word", "bear").returncode == 0
    )
    order = {
        "mode": "form",
        "name": "daily",
        "subject": "pip",
        "seeds": "1",
        "prompts": "a {subject}",
        "do": "schedule",
    }
    with site.client("operator") as client:
        assert (
            client.post("/orders", data=order | {"cron": "0 6 * * 1-5", "timezone": "Europe/Berlin"}).status_code == 303
        )
        page = client.get("/orders/schedules").text
        assert "daily" in page
        assert "0 6 * * 1-5" in page
        (one,) = re.findall(r"/orders/schedules/([0-9a-f-]{36})/pause", page)
        assert client.post(f"/orders/schedules/{one}/pause").status_code == 303
        assert "paused" in client.get("/orders/schedules").text, "with its order still"
        assert client.post(f"/orders/schedules/{one}/resume").status_code == 303
        deployment = live._ask("GET", "/deployments/name/catalog/catalog")["id"]
        (kept,) = live._ask("GET", f"/deployments/{deployment}/schedules")
        assert (kept["active"], kept["parameters"]["spec"]["name"]) == (True, "daily")
        assert client.post(f"/orders/schedules/{one}/delete").status_code == 303
        assert "No scheduled orders" in client.get("/orders/schedules").text
        refused = client.post("/orders", data=order | {"cron": "99 6 * * *"})
        assert (refused.status_code, "Prefect rejected" in refused.text) == (503, True)
        assert "No scheduled orders" in client.get("/orders/schedules").text


def _made(site: Site) -> bool:
    with site.catalog.read() as s:
        return bool(views.gallery_page(s, views.Filter(), limit=1).rows)


def test_a_map_of_attention_is_ordered_beside_its_picture_and_shows_there(live: Live, site: Site, spec: Path) -> None:
    spec.write_text(spec.read_text().replace("seeds: [1, 2, 3, 4, 5, 6]", "seeds: [1]"))
    assert live.dreamtuner("run", str(spec)).returncode == 0
    with site.client("operator") as client:
        assert ATTENTION not in client.get("/flows").text  # it has its place
        assert 'type="image" name="at"' in client.get("/outputs/1").text
        assert client.post("/outputs/1/attention", data={"x": "120", "y": "5"}).status_code == 400
        ordered = client.post("/outputs/1/attention", data={"at.x": "96", "at.y": "48", "x": "50", "y": "50"})
        assert ordered.status_code == 303
        run = newest(live)
        assert run["parameters"]["point"] == "0.5,0.25"
        with live.worker(GPU):
            assert live.ended(run["id"]) == "COMPLETED"
        page = client.get("/outputs/1").text
        assert "Attention over the reference of the point 50 % from the left, 25 % from the top" in page
        assert "equals the stored one" in page
        (map_sha256,) = re.findall(r'<a href="/pictures/(\w+)"><img [^>]*Attention over the reference', page)
        assert client.get(f"/pictures/{map_sha256}").headers["content-type"] == "image/png"


def test_with_the_server_gone_the_last_list_stays_and_says_that_it_is_stale(
    live: Live, site: Site, stack: ExitStack
) -> None:
    with site.client("operator") as client:
        before = re.findall(r"<tr>.*?</tr>", shown(site))
        assert len(before) > 1
        assert "stale" not in shown(site)
        stack.close()
        after = shown(site)
        assert "stale: Prefect is unavailable" in after
        assert re.findall(r"<tr>.*?</tr>", after) == before
        refused = client.post("/flows/run", data={"deployment": "ingest/ingest"})
        assert refused.status_code == 503
        assert "is it running?" in refused.text
        assert "Prefect is unavailable" in client.get("/flows").text
