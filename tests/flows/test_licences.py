"""A spec is refused before anything is made if a weight does not allow what its images are for."""

from pathlib import Path

import pytest

from dreamtuner.models.licences import licence_of
from flows.planning.preflight import preflight
from flows.resources import Resources
from flows.settings import Settings
from flows.spec.model import Spec
from flows.spec.problems import InputError


def test_weight_and_clause_are_named(settings: Settings, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    resources = Resources.open(settings)
    profile = resources.profile("pocket").model_copy(update={"licence": licence_of("CC-BY-NC-4.0")})
    subject = {"name": "pip", "class_word": "bear", "reference": str(tmp_path / "pip.png")}
    given = {"name": "trip", "subjects": [subject], "prompts": ["a {subject}"], "seeds": [1]}
    spec = Spec.model_validate(given)
    assert preflight(spec, resources, profile).metrics == ("clip_i", "clip_t")
    monkeypatch.setenv("DREAMTUNER_PURPOSE", "non-commercial")
    preflight(spec, resources, profile)
    monkeypatch.setenv("DREAMTUNER_PURPOSE", "commercial")
    with pytest.raises(InputError) as refused:
        preflight(spec, resources, profile)
    said = str(refused.value)
    assert "base pocket: CC-BY-NC-4.0 forbids commercial use (commercial)" in said
    assert "score[0]" in said
    preflight(spec, resources)  # pocket's own licence allows it
    monkeypatch.setenv("DREAMTUNER_PURPOSE", "sometimes")
    with pytest.raises(InputError, match="DREAMTUNER_PURPOSE: 'sometimes' is neither"):
        preflight(spec, resources)
