"""Metrics with models of their own in a run: fetched offline, scored once, and plan names the command without them."""

from pathlib import Path

import pytest

from dreamtuner.models.auxiliary.fetch import fetch_auxiliary
from dreamtuner.score import METRICS
from flows.catalog import catalog
from flows.planning.preview import preview
from flows.resources import Resources
from flows.settings import Settings
from flows.spec.model import Spec
from flows.spec.problems import InputError
from storage.catalog import views
from tests.auxiliary_models import in_cache, write_clip, write_dino


def order(references: Path, *metrics: str) -> Spec:
    pip = {"name": "pip", "class_word": "bear", "reference": str(references / "pip.png")}
    given = {"name": "t", "subjects": (pip,), "prompts": ("a {subject}",), "seeds": (1, 2), "sampling": {"steps": 2}}
    return Spec.model_validate({**given, "score": metrics})


@pytest.fixture
def offline(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("HF_HUB_CACHE", str(tmp_path / "hub"))
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")
    return tmp_path / "hub"


@pytest.mark.slow
@pytest.mark.usefixtures("prefect_api")
def test_a_run_is_scored_by_models_that_are_not_the_profiles(
    settings: Settings, references: Path, offline: Path
) -> None:
    write_dino(in_cache(offline, "facebook/dino-vits16"))
    write_clip(in_cache(offline, "openai/clip-vit-large-patch14"))
    for name in ("dino-vits16", "clip-vit-l14"):
        fetch_auxiliary(name)
    asked = ("dino_s16", "dino_s16_masked", "clip_t_l14")
    run = catalog(order(references, *asked))
    assert (run.made, run.failed) == (2, 0)
    resources = Resources.open(settings)
    with resources.catalog.read() as s:
        cells = [views.cell(s, one.digest) for one in views.cells_of_run(s, run.run)]
        for name in asked:
            assert views.unscored(s, run.run, name, METRICS[name].version(resources.profile("pocket"))) == []
    assert [set(one.scores) for one in cells] == [set(asked)] * 2
    assert len({one.scores["dino_s16"] for one in cells}) == 2
    again = catalog(order(references, "clip_i", *asked))
    assert (again.made, again.skipped) == (0, 2), "another metric makes no image anew"
    with resources.catalog.read() as s:
        scores = [views.cell(s, one.digest).scores for one in views.cells_of_run(s, again.run)]
    assert [set(one) for one in scores] == [{"clip_i", *asked}] * 2
    assert [one["dino_s16"] for one in scores] == [one.scores["dino_s16"] for one in cells]
    loaded = [resources.scorer("pocket", name) for name in asked]
    assert loaded[0] is loaded[1]
    assert loaded[0] is not loaded[2]


@pytest.mark.usefixtures("offline")
def test_plan_names_the_command_that_fetches_the_model(settings: Settings, references: Path) -> None:
    with pytest.raises(
        InputError,
        match=r"score\[1\]: the metric dino_s16 needs the model dino-vits16, .* dreamtuner models fetch dino-vits16",
    ):
        preview(order(references, "clip_i", "dino_s16"), Resources.open(settings))
