"""`dreamtuner bench fidelity` on a few real pictures: its JSON and its page."""

import json
from pathlib import Path

import pytest
from typer.testing import CliRunner

from deploy.cli.main import app
from dreamtuner.models.profiles import get_profile


def test_weights_without_an_oracle_are_named(
    environment: dict[str, str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setenv("DREAMTUNER_POCKET_WEIGHTS", str(tmp_path))
    result = CliRunner().invoke(app, ["bench", "fidelity"])
    assert result.exit_code == 2
    assert f"{tmp_path} holds no oracle" in result.stderr


@pytest.mark.slow
def test_a_small_ladder_is_measured_and_written(
    environment: dict[str, str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setenv("DREAMTUNER_POCKET_WEIGHTS", str(get_profile("pocket").weights))
    size = ["--subjects", "2", "--prompts", "1", "--seeds", "1"]
    result = CliRunner().invoke(app, ["bench", "fidelity", *size, "--out", str(tmp_path / "page"), "--json"])
    assert result.exit_code == 0, result.output
    found = json.loads(result.stdout)
    assert list(found["variants"]) == ["plain", "+ SE", "+ S-S-A", "SE + S-S-A"]
    identity = {name: of["identity"]["value"] for name, of in found["variants"].items()}
    assert identity["plain"] < identity["+ S-S-A"]
    for name in ("identity", "clip_i_masked"):
        rung = next(one for one in found[f"{name}_steps"] if one["from"] == "plain" and one["to"] == "+ S-S-A")
        values = {variant: of[name]["value"] for variant, of in found["variants"].items()}
        assert abs(rung["value"] - (values["+ S-S-A"] - values["plain"])) < 1e-9
    assert {path.name for path in (tmp_path / "page").iterdir()} == {"README.md", "pictures.jpg"}
    assert result.stderr.count("subject 1/2, ") == 4
    again = CliRunner().invoke(app, ["bench", "fidelity", *size, "--json"])
    assert "subject 1/2, " not in again.stderr  # what is kept is not measured again
    assert json.loads(again.stdout)["variants"]["plain"]["identity"] == found["variants"]["plain"]["identity"]
