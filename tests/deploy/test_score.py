"""`dreamtuner score` with nothing to score: what it refuses, with exit code 2, before anything is written."""

from pathlib import Path

import pytest
from typer.testing import CliRunner

from deploy.cli.main import app
from flows.resources import Resources
from flows.spec.problems import InputError


@pytest.mark.parametrize(
    ("words", "why"),
    [
        (["--metric", "clip_t"], "give a RUN, --subject or both, or --all"),
        (["trip", "--all", "--metric", "clip_t"], "give a RUN, --subject or both, or --all"),
        (["--all", "--metric", "clip_t"], "the catalog has no image yet; run a spec first"),
    ],
)
def test_a_choice_that_means_nothing_is_refused(environment: dict[str, str], words: list[str], why: str) -> None:
    done = CliRunner().invoke(app, ["score", *words])
    assert isinstance(done.exception, InputError)
    assert why in str(done.exception)
    assert not Path(environment["DREAMTUNER_HOME"]).exists()


@pytest.mark.usefixtures("environment")
def test_unknown_runs_subjects_and_metrics_are_refused_with_what_there_is() -> None:
    assert Resources.open().catalog is not None
    for words, why in (
        (["trip"], "no run has the name or id 'trip'; the catalog has none yet"),
        (["--subject", "pip"], "no subject is called 'pip'; the catalog has none yet"),
    ):
        done = CliRunner().invoke(app, ["score", *words, "--metric", "clip_t"])
        assert isinstance(done.exception, InputError)
        assert why in str(done.exception)
    done = CliRunner().invoke(app, ["score", "--all", "--metric", "clip_x"])
    assert isinstance(done.exception, InputError)
    assert "metric[0]: there is no metric 'clip_x'; choose one of: clip_i, " in str(done.exception)
