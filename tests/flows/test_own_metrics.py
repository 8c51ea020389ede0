"""Metrics with models of their own in a run: fetched offline, scored once, and plan names the command without them."""

from pathlib import Path

import pytest

from dreamtuner.models.auxiliary.fetch import fetch_auxiliary
from dreamtuner.score import METRICS
from flows.catalog import catalog
from flows.planning.preview import preview
from flows.resources import Resources
from flows.score import demand_metrics, score_choice
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


@pytest.mark.slow
@pytest.mark.usefixtures("prefect_api")
def test_a_choice_of_images_is_scored_once_by_a_further_metric(
    settings: Settings, references: Path, offline: Path
) -> None:
    write_dino(in_cache(offline, "facebook/dino-vits16"))
    run = catalog(order(references))
    with pytest.raises(InputError, match=r"metric\[1\]: dino_s16 needs .*dreamtuner models fetch dino-vits16"):
        score_choice(["clip_t", "dino_s16"], [run.run])
    fetch_auxiliary("dino-vits16")
    resources = Resources.open(settings)
    with resources.catalog.read() as s:
        pip = views.subject_id(s, "pip")
        assert views.outputs_by_profile(s, views.OutputChoice(("another run",))) == {}
        assert views.outputs_by_profile(s, views.OutputChoice(None, pip + 1)) == {}
        assert views.outputs_by_profile(s, views.OutputChoice((run.run,), pip)) == {"pocket": 2}
    assert score_choice(["dino_s16"], None, pip + 1) == []
    (first,) = score_choice(["dino_s16", "dino_s16"], [run.run], pip)
    assert (first.metric, first.profile, first.scored, first.skipped) == ("dino_s16", "pocket", 2, 0)
    assert first.licences == {"dino-vits16": "Apache-2.0"}
    assert first.version == METRICS["dino_s16"].version(resources.profile("pocket"))
    again, further = score_choice(["dino_s16", "clip_t"])
    assert (again.scored, again.skipped, further.scored) == (0, 2, 2)
    assert further.licences == {"pocket": resources.profile("pocket").licence.name}
    with resources.catalog.read() as s:
        scores = [views.cell(s, one.digest).scores for one in views.cells_of_run(s, run.run)]
        kept = views.metric_licences(s)
    assert [set(one) for one in scores] == [{"clip_t", "dino_s16"}] * 2
    assert kept["dino_s16"] == {first.version: {"dino-vits16": "Apache-2.0"}}
    assert kept["clip_t"] == {further.version: further.licences}


def test_unknown_metrics_and_models_that_are_missing_are_named_together(settings: Settings, offline: Path) -> None:
    with pytest.raises(InputError) as raised:
        demand_metrics(["clip_q", "clip_t", "lpips_alex_similarity"], ["pocket"], Resources.open(settings))
    assert [".".join(map(str, one.path)) for one in raised.value.problems] == ["metric.0", "metric.2", "metric.2"]
    assert "models fetch alexnet" in str(raised.value)
    assert "models fetch lpips-alex" in str(raised.value)
