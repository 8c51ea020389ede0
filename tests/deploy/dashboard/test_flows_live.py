"""Ordering flows from the dashboard, on a real Prefect server with real workers."""

import re
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest

from storage.catalog import views
from tests.deploy.dashboard.conftest import Site, add_people, serving
from tests.deploy.prefect_live import Live, Run, prefect_server

pytestmark = pytest.mark.slow
CPU = "dreamtuner-cpu"


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
        for field in ("p.subjects.name", "p.subjects.class_word", "p.subjects.reference"):
            assert re.search(rf'name="{field}"[^>]* required', page), field
        assert "<option selected>natural</option><option>anime</option>" in page
        filled = {"p.subjects.name": "pip", "p.subjects.class_word": "bear", "p.subjects.style": "natural"}
        order = {"deployment": "ingest/ingest", **filled, "p.subjects.reference": str(reference)}
        refused = client.post("/flows/run", data=order | {"p.subjects.class_word": "two {braces}"})
        assert refused.status_code == 503
        assert "Prefect refused (4" in refused.text
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
