"""`dreamtuner bench references`, `bench seeds`, `bench flicker`: bad input is refused; what was measured is kept."""

import json
from pathlib import Path

import pytest
from PIL import Image
from typer.testing import CliRunner

from deploy.cli.main import app
from dreamtuner.models.profiles import get_profile


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["references", "--sheet", "sheet.gif"], "--sheet sheet.gif: give the name of a PNG or JPEG"),
        (["references", "--sheet", "no/such/sheet.png"], "in a folder that exists"),
        (["references"], "holds no oracle; get it with: dreamtuner train pocket"),
        (["seeds", "--inversion", "0,much"], "--inversion '0,much': give numbers from 0 to 1"),
        (["seeds", "--inversion", "0,1.5"], "--inversion '0,1.5': give numbers from 0 to 1"),
        (["seeds"], "holds no oracle; get it with: dreamtuner train pocket"),
        (
            ["flicker", "--way", "see=all"],
            "--way 'see=all': see: must be 'both', 'first', 'previous', 'draft' or 'none'",
        ),
        (["flicker", "--way", "weight=x"], "--way 'weight=x': weight: must be a number, not 'x'"),
        (["flicker", "--way", "first"], "--way 'first': first: unknown key"),
        (["flicker", "--way", "see=[a"], "--way 'see=[a': write settings such as see=first,weight=0.3"),
        (["flicker", "--strip", "strip.gif"], "--strip strip.gif: give the name of a PNG or JPEG"),
        (["flicker"], "holds no oracle; get it with: dreamtuner train pocket"),
    ],
)
def test_refusals(environment: dict[str, str], words: list[str], said: str) -> None:
    result = CliRunner().invoke(app, ["bench", *words])
    assert result.exit_code == 2
    assert result.stderr.count("\n") == 1
    assert said in result.stderr


@pytest.mark.slow
def test_references_are_measured_once_and_shown(
    environment: dict[str, str], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("DREAMTUNER_POCKET_WEIGHTS", str(get_profile("pocket").weights))
    sheet = tmp_path / "sheet.png"
    asked = ["bench", "references", "--subjects", "4", "--prompts", "1"]
    first, again, words = (
        CliRunner().invoke(app, [*asked, *more]) for more in (["--json", "--sheet", str(sheet)], ["--json"], [])
    )
    assert (first.exit_code, again.exit_code, words.exit_code) == (0, 0, 0), first.output
    found = json.loads(first.stdout)
    assert found == json.loads(again.stdout)
    assert "identity" in first.stderr
    assert "identity" not in again.stderr
    assert len(found["figures"]) == 5 * 5  # all and four kinds, five rows
    assert all(0 <= one["hidden"]["low"] <= one["hidden"]["value"] <= one["hidden"]["high"] for one in found["figures"])
    assert "close-up  1, which hides" in words.stdout
    assert max(map(len, words.stdout.splitlines())) <= 80
    with Image.open(sheet) as shown:
        assert shown.width > 1000


@pytest.mark.slow
def test_seeds_at_full_inversion_make_no_difference(
    environment: dict[str, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("DREAMTUNER_POCKET_WEIGHTS", str(get_profile("pocket").weights))
    asked = ["--subjects", "2", "--prompts", "1", "--seeds", "2", "--inversion", "0,1", "--json"]
    result = CliRunner().invoke(app, ["bench", "seeds", *asked])
    assert result.exit_code == 0, result.output
    found = {one["method"]: one for one in json.loads(result.stdout)["methods"]}
    assert list(found) == ["plain", "a = 0", "a = 1", "masactrl"]
    assert found["plain"]["apart"]["pixels"]["value"] > 0.02
    assert found["a = 0"]["apart"]["pixels"]["value"] > 0.02
    assert found["a = 1"]["apart"]["pixels"]["value"] < 0.005
    assert found["masactrl"]["apart"]["pixels"]["value"] < 0.005


@pytest.mark.slow
def test_clips_are_measured_once_and_drawn(
    environment: dict[str, str], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("DREAMTUNER_POCKET_WEIGHTS", str(get_profile("pocket").weights))
    strip = tmp_path / "strip.png"
    asked = ["bench", "flicker", "--subjects", "2", "--frames", "3", "--way", "see=first,encoder=false"]
    first = CliRunner().invoke(app, [*asked, "--json", "--strip", str(strip)])

    def generated_again(*_: object, **__: object) -> None:
        raise AssertionError("a stored clip was generated again")

    monkeypatch.setattr("dreamtuner.evaluation.video.clips.generate", generated_again)
    again, words = (CliRunner().invoke(app, [*asked, *more]) for more in (["--json"], []))
    assert (first.exit_code, again.exit_code, words.exit_code) == (0, 0, 0), first.output + again.output
    found = json.loads(first.stdout)
    assert found == json.loads(again.stdout)
    flicker = {one["way"]: one["figures"]["flicker"] for one in found["ways"]}
    assert len(flicker) == 4
    assert all(one["low"] <= one["value"] <= one["high"] for one in flicker.values())
    assert flicker["own noise"]["value"] > flicker["shared noise"]["value"]
    assert max(map(len, words.stdout.splitlines())) <= 80
    with Image.open(strip) as shown:
        assert shown.width > shown.height / 2
