"""`dreamtuner bench pocket`: bad input is named, and its table is what was measured."""

import json
from pathlib import Path

import pytest
from typer.testing import CliRunner

from deploy.cli.main import app
from dreamtuner.models.profiles import get_profile

COLUMNS = {"group", "name", "value", "low", "high", "unit", "wanted", "at_most", "met"}


def test_a_folder_without_pocket_weights_is_named(environment: dict[str, str], tmp_path: Path) -> None:
    result = CliRunner().invoke(app, ["bench", "pocket", "--weights", str(tmp_path)])
    assert result.exit_code == 2
    assert f"--weights: {tmp_path} holds no pocket weights" in result.stderr


@pytest.mark.slow
def test_the_shipped_weights_are_measured(environment: dict[str, str], tmp_path: Path) -> None:
    weights, sheets = str(get_profile("pocket").weights), tmp_path / "sheets"
    options = ["bench", "pocket", "--prompts", "10", "--weights", weights, "--pictures", str(sheets), "--json"]
    result = CliRunner().invoke(app, options)
    assert result.exit_code == 0, result.output
    measured = json.loads(result.stdout)
    assert all(set(row) == COLUMNS and row["low"] <= row["value"] <= row["high"] for row in measured["figures"])
    found = {(row["group"], row["name"]): row["value"] for row in measured["figures"]}
    assert found["prompts followed", "scene"] >= 0.8
    assert found["autoencoder", "PSNR"] >= 26
    assert found["with the depth ControlNet, pose unsaid", "silhouette IoU"] >= 0.7
    assert {file.name for file in sheets.iterdir()} == {"prompt.png", "depth.png", "pose.png", "asked.png"}
