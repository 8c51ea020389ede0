"""The bench of orchestration runs the real flow, and its figures hang together."""

import json
import subprocess
import sys

import pytest


@pytest.mark.slow
def test_every_cell_is_drawn_and_the_figures_agree(environment: dict[str, str]) -> None:
    command = [sys.executable, "-m", "deploy.cli.main", "bench", "orchestration", "--json"]
    asked = ["--cells", "40", "--milliseconds", "2", "--chunk", "16", "--reruns", "20"]
    done = subprocess.run([*command, *asked], env=environment, capture_output=True, text=True, check=False, timeout=300)
    assert done.returncode == 0, done.stderr
    found = json.loads(done.stdout)
    assert (found["cells"], found["chunk"], found["ideal_seconds"]) == (40, 16, pytest.approx(0.08))
    assert found["generate_seconds"] >= found["drawing_seconds"] >= found["ideal_seconds"]
    assert found["overhead"] == pytest.approx(found["generate_seconds"] / found["ideal_seconds"] - 1)
    assert found["cpu_seconds"] > 0
    once, twice = found["reruns"]
    assert (once["cells"], twice["cells"]) == (20, 40)
    for work in ("plan", "rerun"):
        assert once[f"{work}_statements"] == twice[f"{work}_statements"] > 0
        assert once[f"{work}_seconds"] >= 0
