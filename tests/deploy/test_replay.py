"""`dreamtuner replay`: what it is asked to write is checked before anything is computed."""

from pathlib import Path

import pytest
from typer.testing import CliRunner

from deploy.cli.main import app


@pytest.mark.parametrize(
    ("output", "said"),
    [
        ("new.jpg", "does not end in .png"),
        ("nowhere/new.png", "is no folder that can be written to"),
        ("folder.png", "is a folder"),
    ],
)
def test_a_file_that_cannot_be_written_is_refused_at_once(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, output: str, said: str
) -> None:
    (tmp_path / "folder.png").mkdir()
    monkeypatch.chdir(tmp_path)  # the message is broken into lines, by its length
    refused = CliRunner().invoke(app, ["replay", "ab" * 32, "-o", output])
    assert refused.exit_code == 2
    assert said in " ".join(refused.stderr.replace("│", " ").split())
