"""The bench of orchestration runs the real flow, and its figures hang together."""

import json
import subprocess
import sys
from typing import Any

import pytest


def bench(environment: dict[str, str], *words: str) -> Any:
    command = [sys.executable, "-m", "deploy.cli.main", "bench", "orchestration", "--json", *words]
    done = subprocess.run(command, env=environment, capture_output=True, text=True, check=False, timeout=300)
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


@pytest.mark.slow
def test_every_cell_is_drawn_and_the_figures_agree(environment: dict[str, str]) -> None:
    found = bench(environment, "--cells", "40", "--milliseconds", "2", "--chunk", "16", "--reruns", "20")
    assert (found["cells"], found["chunk"], found["ideal_seconds"]) == (40, 16, pytest.approx(0.08))
    assert found["generate_seconds"] >= found["drawing_seconds"] >= found["ideal_seconds"]
    assert found["overhead"] == pytest.approx(found["generate_seconds"] / found["ideal_seconds"] - 1)
    assert found["cpu_seconds"] > 0
    once, twice = found["reruns"]
    assert (once["cells"], twice["cells"]) == (20, 40)
    for work in ("plan", "rerun"):
        assert once[f"{work}_statements"] == twice[f"{work}_statements"] > 0
        assert once[f"{work}_seconds"] >= 0


@pytest.mark.slow
def test_workers_that_share_a_grid_encode_each_reference_once_each(environment: dict[str, str]) -> None:
    asked = ["--workers", "1,2", "--cells", "61", "--milliseconds", "20", "--chunk", "4", "--subjects", "3"]
    alone, two = bench(environment, *asked)["fleets"]
    assert (alone["reference_passes"], alone["most_passes"]) == (3, 3)
    assert 3 <= two["reference_passes"] <= two["most_passes"] == 6
    assert (alone["workers"], two["workers"], alone["cells"], two["cells"]) == (1, 2, 61, 61)
    assert two["speedup"] == pytest.approx(alone["seconds"] / two["seconds"])
