"""A data team's day: by the client on a real Prefect server with real workers, and by the lines of the page."""

import json
import os
import re
import shutil
import subprocess
import zipfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from deploy.client import ApiError, Client
from deploy.marks.inspection import inspect
from deploy.marks.settings import MarkSettings
from tests.deploy.dashboard.api.conftest import token_of
from tests.deploy.dashboard.conftest import Site, add_people, serving
from tests.deploy.dashboard.made_up import plain, png
from tests.deploy.dashboard.orders import orders
from tests.deploy.prefect_live import Live, prefect_server

PAGE = Path(__file__).parents[4] / "docs" / "how-to" / "rest.md"


def test_the_lines_of_the_page(start: Any, tmp_path: Path) -> None:
    if shutil.which("curl") is None:
        pytest.skip("no curl on this machine")
    with orders() as taking:
        site = start(prefect_api=taking.api)
        site.say("reviewer", 1, "approved", 1)
        (tmp_path / "bolt.png").write_bytes(png(plain(0, -1, 0)))
        first, *blocks = re.findall(r"^```sh\n(.*?)^```", PAGE.read_text(), re.S | re.M)
        assert "export TOKEN" in first
        assert len(blocks) == 4
        script = "set -euo pipefail\n" + "\n".join(blocks) + "\n" + blocks[2]  # the order again, under its key
        environment = os.environ | {"DREAMTUNER": f"{site.base}/api/v1", "TOKEN": token_of(site, "operator")}
        done = subprocess.run(
            ["bash", "-c", script], cwd=tmp_path, env=environment, capture_output=True, text=True, check=False
        )
        assert done.returncode == 0, done.stdout + done.stderr
        ((deployment, given),) = taking.taken
    assert (deployment, given["spec"]["name"]) == ("catalog/catalog", "robots")
    with zipfile.ZipFile(tmp_path / "approved.zip") as packed:
        (entry,) = [json.loads(line) for line in packed.read("manifest.jsonl").decode().splitlines()]
        assert inspect(packed.read(entry["file"]), MarkSettings.load(site.home).keys).state == "trusted"


@pytest.fixture
def live(tmp_path_factory: pytest.TempPathFactory, environment: dict[str, str]) -> Iterator[Live]:
    with prefect_server(tmp_path_factory.mktemp("prefect")) as server:
        live = Live(server.environment | environment)
        done = live.dreamtuner("deploy")
        assert done.returncode == 0, done.stderr
        yield live
        live.close()


@pytest.fixture
def real(live: Live) -> Iterator[Site]:
    home = Path(live.environment["DREAMTUNER_HOME"])
    home.mkdir(parents=True, exist_ok=True)
    add_people(home)
    with serving(home, prefect_api=live.environment["PREFECT_API_URL"]) as site:
        yield site


@pytest.mark.slow
def test_a_day_by_the_client(live: Live, real: Site, spec: Path, tmp_path: Path) -> None:
    with Client(real.base, token_of(real, "operator")) as dreamtuner:
        dreamtuner.add_subject("bolt", "bear", spec.parent / "pip.png")
        wanted: dict[str, Any] = {"name": "day", "subjects": [{"name": "bolt"}], "seeds": [1, 2], "score": []}
        wanted["prompts"] = ["a {style} of a {subject} on the beach"]
        with pytest.raises(ApiError, match=r"422 spec\.seeds"):
            dreamtuner.order(wanted | {"seeds": []})
        assert dreamtuner.price(wanted)["to_make"] == 2
        ordered = dreamtuner.order(wanted)
        assert ordered["state"] == "ordered"
        with live.workers():
            run = dreamtuner.wait(ordered["id"], every=0.5, seconds=400)
        assert (run["state"], run["order"]) == ("completed", ordered["id"])
        first, second = dreamtuner.all("/outputs", run=run["id"], limit=1)
        dreamtuner.review(first, "approved", note="good")
        dreamtuner.review(second, "rejected", reason="face")
        assert dreamtuner.price(wanted)["to_make"] == 0
        dreamtuner.export({"run": run["id"]}, tmp_path / "day.zip")
        figures = dreamtuner.request("GET", f"/runs/{run['id']}/metrics").json()
    assert (figures["images"]["approved"], figures["images"]["approval"]) == (1, 0.5)
    assert figures["cost"]["device_seconds"] > 0
    with zipfile.ZipFile(tmp_path / "day.zip") as packed:
        (entry,) = [json.loads(line) for line in packed.read("manifest.jsonl").decode().splitlines()]
        assert (entry["output_id"], entry["reviewer"]) == (first["id"], "operator")
        assert inspect(packed.read(entry["file"]), MarkSettings.load(real.home).keys).state == "trusted"


def test_the_client_names_a_file_that_it_cannot_send() -> None:
    with Client("http://127.0.0.1:9", "token") as client, pytest.raises(ValueError, match=r"'pip\.gif' is not .*PNG"):
        client.upload(Path("pip.gif"))
