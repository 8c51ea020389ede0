"""Deployments of prefect.yaml on a real server, carried out by a real worker: to the end, cancelled, killed."""

import json
from collections.abc import Iterator
from pathlib import Path

import pytest
import yaml

from flows.resources import Resources
from storage.catalog import views
from tests.deploy.prefect_live import CPU, DEAD_AFTER, GPU, ROOT, Live, cells, deployed_server, prefect_server, runs

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Live]:
    with deployed_server(tmp_path_factory.mktemp("prefect")) as live:
        yield live


@pytest.fixture
def live(server: Live, environment: dict[str, str]) -> Iterator[Live]:
    """The server, with this test's home for commands and workers."""
    live = Live(server.environment | environment)
    yield live
    live.close()


def test_deploying_again_leaves_one_of_each(server: Live) -> None:
    wanted = {one["name"] for one in yaml.safe_load((ROOT / "prefect.yaml").read_text())["deployments"]}
    assert server.dreamtuner("deploy", "--dead-after", str(DEAD_AFTER)).returncode == 0
    deployments = server.filtered("deployments")
    assert sorted(one["name"] for one in deployments) == sorted(wanted)
    assert {one["work_pool_name"] for one in deployments} == {CPU, GPU}
    assert len(server.filtered("automations")) == 3
    [night] = [one for one in deployments if one["schedules"]]
    assert night["schedules"][0]["schedule"]["cron"] == "0 3 * * *"
    assert night["schedules"][0]["schedule"]["timezone"] == "Europe/Berlin"


def test_deployments_of_an_earlier_version_are_told_and_registered_anew(live: Live, spec: Path) -> None:
    [catalog] = [one for one in live.filtered("deployments") if one["name"] == "catalog"]
    live.change_deployment(catalog["id"], entrypoint="flows/order.py:catalog")
    examined = json.loads(live.dreamtuner("doctor", "--json").stdout)["findings"]
    [found] = [one for one in examined if one["what"] == "deployments"]
    wrong = "catalog: its entrypoint is flows/order.py:catalog"
    assert found["detail"] == f"{wrong}, but flows/catalog.py:catalog in prefect.yaml"
    assert found["remedy"] == "update it with `dreamtuner deploy`"
    done = live.dreamtuner("run", "--submit", "--json", str(spec))
    live.cancel(json.loads(done.stdout)["flow_run"])
    assert f"note: deployment {wrong}" in done.stderr
    again = live.dreamtuner("deploy", "--dead-after", str(DEAD_AFTER))
    assert wrong in again.stdout
    examined = json.loads(live.dreamtuner("doctor", "--json").stdout)["findings"]
    [found] = [one for one in examined if one["what"] == "deployments"]
    assert found["state"] == "ok", found
    assert live.dreamtuner("deploy", "--dead-after", str(DEAD_AFTER)).stdout.startswith("registered; ")


def test_a_submitted_run_is_carried_out_and_each_side_names_the_other(live: Live, spec: Path) -> None:
    with live.workers():
        flow_run = live.submitted(spec)
        assert live.ended(flow_run) == "COMPLETED"
    [run] = runs()
    assert (run.state, run.flow_run_id, run.cells["generated"]) == ("completed", flow_run, 24)
    assert f"run:{run.id}" in live.flow_run(flow_run)["tags"]
    made = live.filtered("artifacts", artifacts={"flow_run_id": {"any_": [flow_run]}})
    found = {one["key"]: one["data"] for one in made if one["key"]}
    assert set(found) == {"trip-progress", "trip-summary", "trip-subjects", "trip-sheet"}
    assert found["trip-progress"] == 100
    assert "24 made" in found["trip-summary"]
    assert found["trip-sheet"].startswith("data:image/jpeg;base64,")


def test_workers_of_the_pool_share_a_run_and_are_cancelled_with_it(live: Live, spec: Path) -> None:
    spec.write_text(spec.read_text().replace("seeds: [1, 2, 3, 4, 5, 6]", f"seeds: {list(range(1, 151))}"))
    done = live.dreamtuner("run", "--submit", "--json", "--workers", "3", str(spec))
    assert done.returncode == 0, done.stderr
    flow_run = json.loads(done.stdout)["flow_run"]
    with live.workers(), live.worker(GPU):
        live.wait(lambda: len(_makers()) == 2, 240, "images by two workers")
        live.cancel(flow_run)
        assert live.ended(flow_run, 120) == "CANCELLED"
        live.wait(lambda: not live.open_runs(), 120, "the end of the helpers")
    waiting = [one for one in live.filtered("flow_runs") if one["state_type"] == "SCHEDULED"]
    assert not [one for one in waiting if one["parameters"].get("run_id")], "the one that no worker took is cancelled"
    assert cells("generating") == cells("failed") == 0
    assert 0 < cells("generated") < 600


def _makers() -> set[str | None]:
    if not cells("generated"):
        return set()
    with Resources.open().catalog.read() as s:
        of_run = views.cells_of_run(s, views.recent_runs(s)[0].id)
        made = [cell.digest for cell in of_run if cell.state == "generated"]
        events = [event for digest in made for event in views.history(s, "cell", digest)]
    return {event.actor for event in events if event.event == "generated"}


def test_the_night_makes_what_changed(live: Live, spec: Path) -> None:
    with live.workers():
        assert live.ended(live.start("nightly", specs=str(spec.parent))) == "COMPLETED"
        spec.write_text(spec.read_text().replace("seeds: [1,", "seeds: [9, 1,"))
        assert live.ended(live.start("nightly", specs=str(spec.parent))) == "COMPLETED"
    last, first = runs()
    assert (first.cells["generated"], last.cells["generated"]) == (24, 28)
    with Resources.open().catalog.read() as s:
        tries = [views.cell(s, one.digest).attempts for one in views.cells_of_run(s, last.id)]
    assert tries == [1] * 28


def test_cancelled_in_prefect_it_stops_and_leaves_clean_states(live: Live, spec: Path) -> None:
    with live.workers():
        flow_run = live.started(spec)
        live.cancel(flow_run)
        assert live.ended(flow_run, 90) == "CANCELLED"
        live.wait(lambda: not live.open_runs(), 60, "the end of the subflows")
    assert [run.state for run in runs()] == ["cancelled"]
    assert cells("generating") == cells("failed") == 0
    assert 0 < cells("generated") < 24


def test_without_a_server_or_a_deployment_it_says_what_to_do(server: Live, spec: Path, tmp_path: Path) -> None:
    nowhere = server.dreamtuner("run", "--submit", str(spec), PREFECT_API_URL="http://127.0.0.1:9/api")
    assert nowhere.returncode == 2
    assert "is it running?" in nowhere.stderr
    with prefect_server(tmp_path / "other") as other:
        bare = other.dreamtuner("run", "--submit", str(spec))
    assert bare.returncode == 2
    assert "no deployment catalog/catalog" in bare.stderr
    assert "dreamtuner deploy" in bare.stderr
