"""`dreamtuner bench table1`: what cannot be measured is refused in a sentence; what was measured is kept."""

import json

import pytest
from typer.testing import CliRunner

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
