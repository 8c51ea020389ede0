"""`dreamtuner bench negative`: the three forms are measured on the same requests."""

import json

import pytest
from typer.testing import CliRunner

from deploy.cli.main import app
from dreamtuner.evaluation.negative_prompt import FORMS
from dreamtuner.models.profiles import get_profile


@pytest.mark.slow
def test_every_form_is_measured(environment: dict[str, str], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DREAMTUNER_POCKET_WEIGHTS", str(get_profile("pocket").weights))
    result = CliRunner().invoke(app, ["bench", "negative", "--subjects", "1", "--images", "2", "--json"])
    assert result.exit_code == 0, result.output
    found = json.loads(result.stdout)
    assert [(one["named"], one["form"]) for one in found] == [(n, form) for n in ("hat", "scene") for form in FORMS]
    assert all(one["images"] == 2 and 0 <= one[name] <= 1 for one in found for name in ("shown", "identity", "prompt"))
