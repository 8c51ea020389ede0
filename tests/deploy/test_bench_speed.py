"""What `bench speed` prints, with measurements that are made up."""

import json

import pytest
import torch
from typer.testing import CliRunner

import dreamtuner.bench.flops
import dreamtuner.bench.pocket
from deploy.cli.main import app
from dreamtuner.bench.flops import Flops
from dreamtuner.bench.pocket import SSA, SSA_SEA, STOCK, GridTiming
from dreamtuner.bench.timing import Timing
from flows.resources import Resources


@pytest.fixture
def measured(monkeypatch: pytest.MonkeyPatch) -> None:
    def grid(_: object, cells: int, steps: int, repeats: int, on_run: object) -> GridTiming:
        seconds = {STOCK: (2.0, 1.0), SSA: (2.2, 1.25), SSA_SEA: (2.4, 1.4)}
        return GridTiming(cells, steps, 16, 0.4, {name: Timing(found, found) for name, found in seconds.items()})

    monkeypatch.setattr(dreamtuner.bench.flops, "count_flops", lambda: Flops(64, 30, 0.4, 100, 104, 112, 163))
    monkeypatch.setattr(dreamtuner.bench.pocket, "time_grid", grid)
    monkeypatch.setattr(Resources, "backbone", lambda *_: None)
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)


@pytest.mark.usefixtures("measured")
def test_speed_says_what_is_reached_and_what_is_missed() -> None:
    found = json.loads(CliRunner().invoke(app, ["bench", "speed", "--json"]).stdout)
    assert {"cpus", "threads", "load"} == found["machine"].keys()
    met = {(one["group"].partition(",")[0], one["name"]): one["met"] for one in found["figures"]}
    assert met["FLOPs at SD 1.5's shapes", "ours, S-S-A"] is True
    assert met["FLOPs at SD 1.5's shapes", "ours, S-S-A + S-E-A"] is False
    assert met["wall time on pocket", SSA] is True  # of one cell, the last
    first = next(one for one in found["figures"] if one["group"].startswith("wall time on pocket, 64"))
    assert (first["name"], first["met"]) == (SSA, True)
    assert first["ratio"] == pytest.approx({"median": 1.175, "low": 1.1, "high": 1.25})
    assert found["measured"]["cells_64"]["ways"][STOCK]["wall"] == [2.0, 1.0]
    table = CliRunner().invoke(app, ["bench", "speed", "--no-timed"]).stdout
    assert "reached" in table
    assert "missed" in table
    assert "pocket" not in table
