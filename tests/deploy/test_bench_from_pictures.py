"""`dreamtuner bench edits` and `bench consistency`: what cannot be done is refused; what was measured is kept."""

import json
from pathlib import Path

import pytest
from PIL import Image
from typer.testing import CliRunner

from deploy.cli.main import app
from dreamtuner.models.profiles import get_profile

OTHER = ("prompt alone, other seed", "weight 1, other seed")
SEEN = ("prompt alone", "weight 1", "background kept alone", "weight 1, background kept", *OTHER)


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["edits", "--weights", "1,none"], "--weights '1,none': give numbers above 0 and up to 100"),
        (["edits", "--sheet", "sheet.gif"], "--sheet sheet.gif: give the name of a PNG or JPEG"),
        (["consistency", "--weights", "0"], "--weights '0': give numbers above 0 and up to 100"),
        (["consistency"], "holds no oracle; get it with: dreamtuner train pocket"),
    ],
)
def test_refusals(environment: dict[str, str], words: list[str], said: str) -> None:
    result = CliRunner().invoke(app, ["bench", *words])
    assert result.exit_code == 2
    assert result.stderr.count("\n") == 1
    assert said in result.stderr


@pytest.mark.slow
@pytest.mark.parametrize(
    ("words", "rows"),
    [
        (["edits"], [*SEEN, *SEEN, *SEEN, *(row for row in SEEN if "kept" not in row)]),
        (["consistency", "--prompts", "2"], ["each alone", "weight 1"]),
    ],
)
def test_it_is_measured_once_and_shown(
    environment: dict[str, str], monkeypatch: pytest.MonkeyPatch, tmp_path: Path, words: list[str], rows: list[str]
) -> None:
    monkeypatch.setenv("DREAMTUNER_POCKET_WEIGHTS", str(get_profile("pocket").weights))
    sheet = tmp_path / "sheet.png"
    asked = ["bench", *words, "--subjects", "2"]
    first, again, shown = (
        CliRunner().invoke(app, [*asked, *more]) for more in (["--json", "--sheet", str(sheet)], ["--json"], [])
    )
    assert (first.exit_code, again.exit_code, shown.exit_code) == (0, 0, 0), first.output
    found = json.loads(first.stdout)
    assert found == json.loads(again.stdout)
    assert "identity" in first.stderr
    assert "identity" not in again.stderr
    assert [one["row"] for one in found["figures"]] == rows
    means = [one for figure in found["figures"] for one in figure.values() if isinstance(one, dict)]
    assert all(one["low"] <= one["value"] <= one["high"] for one in means)
    assert max(map(len, shown.stdout.splitlines())) <= 80
    with Image.open(sheet) as image:
        assert image.height == 22 + 100 * (12 if words == ["edits"] else 4)
