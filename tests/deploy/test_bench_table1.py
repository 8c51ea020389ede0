"""`dreamtuner bench table1`: what cannot be measured is refused in a sentence; what was measured is kept."""

import gzip
import json
from pathlib import Path
from typing import Any

import pytest
import typer
from typer.testing import CliRunner

from deploy.bench.measured.measurements import KeptCells, read_measurements
from deploy.cli.main import app
from dreamtuner.models.profiles import get_profile


@pytest.mark.parametrize(
    ("options", "said"),
    [
        (["--profile", "sd15"], "--profile: 'sd15'"),
        (["--methods", "plain,dreambot"], "--methods: 'dreambot' is none of plain,"),
        (["--subjects", "2", "--sweep", "3"], "--sweep: 3 of 2 subjects"),
        (["--methods", "plain", "--finished"], "--finished: no subject is done yet"),
    ],
)
def test_refusals(environment: dict[str, str], monkeypatch: pytest.MonkeyPatch, options: list[str], said: str) -> None:
    monkeypatch.setenv("DREAMTUNER_POCKET_WEIGHTS", str(get_profile("pocket").weights))
    result = CliRunner().invoke(app, ["bench", "table1", *options])
    assert result.exit_code == 2
    assert result.stderr.count("\n") == 1
    assert said in result.stderr


def test_weights_without_an_oracle_are_named(environment: dict[str, str]) -> None:
    result = CliRunner().invoke(app, ["bench", "table1"])
    assert result.exit_code == 2
    assert "holds no oracle; get it with: dreamtuner train pocket" in result.stderr


@pytest.mark.slow
def test_what_is_done_is_told_again_without_measuring(
    environment: dict[str, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("DREAMTUNER_POCKET_WEIGHTS", str(get_profile("pocket").weights))
    asked = ["bench", "table1", "--methods", "plain", "--subjects", "2", "--prompts", "2", "--seeds", "1", "--json"]
    first, again = (CliRunner().invoke(app, [*asked, *more]) for more in ([], ["--finished"]))
    assert (first.exit_code, again.exit_code) == (0, 0)
    assert json.loads(again.stdout) == json.loads(first.stdout)
    assert json.loads(first.stdout).items() >= {"subjects": 2, "swept": 0, "prompts": 2, "seeds": 1}.items()
    assert "subject 2/2, plain: identity" in first.stderr
    assert "identity" not in again.stderr


@pytest.mark.slow
def test_measurements_go_on_on_another_machine(
    environment: dict[str, str], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("DREAMTUNER_POCKET_WEIGHTS", str(get_profile("pocket").weights))
    file = tmp_path / "table1.jsonl.gz"
    asked = ["bench", "table1", "--methods", "plain", "--prompts", "2", "--seeds", "1", "--json"]
    asked += ["--measurements", str(file), "--subjects"]
    first = CliRunner().invoke(app, [*asked, "1"])
    assert "measurements: 2 cells" in first.stderr
    written = file.read_bytes()
    for name in ("DREAMTUNER_HOME", "DREAMTUNER_CATALOG_URL", "DREAMTUNER_STORE_URL"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("DREAMTUNER_HOME", str(tmp_path / "elsewhere"))
    again = CliRunner().invoke(app, [*asked, "1"])
    assert "identity" not in again.stderr, "nothing is measured twice"
    one, two = (json.loads(result.stdout)["methods"]["plain"] for result in (first, again))
    assert {what: of["value"] for what, of in two.items()} == pytest.approx(
        {what: of["value"] for what, of in one.items()}, rel=1e-5, nan_ok=True
    )
    assert file.read_bytes() == written
    more = CliRunner().invoke(app, [*asked, "2"])
    assert "subject 1/2, plain" not in more.stderr
    assert "measurements: 4 cells" in more.stderr


DAMAGED = gzip.compress(b"{}" * 500, mtime=0)[:10] + b"\xff" * 40
"""A whole header, and behind it what is not deflated."""


@pytest.mark.parametrize(
    "content",
    [b"{}\n", b"\x1f\x8b damaged", DAMAGED, b'{"digest": 1}\nno json'],
    ids=["no cell", "no header", "no deflate", "no json"],
)
def test_a_file_that_holds_no_measurements_is_refused_and_left_alone(tmp_path: Path, content: bytes) -> None:
    file = tmp_path / "cells.jsonl.gz"
    file.write_bytes(content)
    with pytest.raises(typer.Exit):
        read_measurements(file)
    assert file.read_bytes() == content


def test_the_folder_of_a_new_file_is_made_before_anything_is_measured(tmp_path: Path) -> None:
    below: Any = None
    KeptCells(below, tmp_path / "new" / "folder" / "cells.jsonl.gz")
    assert (tmp_path / "new" / "folder").is_dir()
    (tmp_path / "file").touch()
    with pytest.raises(typer.Exit):
        KeptCells(below, tmp_path / "file" / "cells.jsonl.gz")
