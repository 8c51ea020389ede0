"""What `bench review` measures in a browser."""

import json

import pytest
from typer.testing import CliRunner

from deploy.cli.main import app
from tests.deploy.dashboard.conftest import chromium


@pytest.mark.slow
def test_every_picture_of_a_queue_is_timed_and_every_decision_kept() -> None:
    if chromium() is None:
        pytest.skip("no Chromium is installed")
    asked = ["bench", "review", "--pictures", "8", "--size", "300", "--line", "20", "--pace", "0", "--json"]
    done = CliRunner().invoke(app, asked)
    assert done.exit_code == 0, done.output
    found = json.loads(done.stdout)
    assert found.items() >= {"pictures": 8, "size": 300, "line_mbit": 20.0, "decisions_lost": 0}.items()
    assert 0 < found["p50_ms"] <= found["p95_ms"] <= found["most_ms"]


def test_without_a_browser_it_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", "")
    monkeypatch.delenv("DREAMTUNER_TEST_CHROMIUM", raising=False)
    done = CliRunner().invoke(app, ["bench", "review", "--pictures", "2", "--size", "16"])
    assert done.exit_code == 2
    assert "apt-get install chromium" in done.stderr
