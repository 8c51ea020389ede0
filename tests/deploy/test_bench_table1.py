"""`dreamtuner bench table1`: what cannot be measured is refused in a sentence, before anything is loaded."""

import pytest
from typer.testing import CliRunner

from deploy.cli import app
from dreamtuner.profiles import get_profile


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
