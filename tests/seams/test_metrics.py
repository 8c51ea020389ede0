"""A metric of another package: it gets what it declares and its own model, and its version follows what it reads."""

import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from PIL import Image

from dreamtuner.models.profiles import get_profile
from dreamtuner.plugins import PluginError
from dreamtuner.score import METRICS, Input, score_images
from flows.planning.preflight import demand_models
from flows.resources import Resources
from flows.settings import Settings
from flows.spec.model import Spec
from flows.spec.problems import InputError
from tests.seams.outside import Outside, outside

__all__ = ["outside"]

PAGE = "add-a-metric.md"
CLIP = ("clip_i", "clip_i_masked", "clip_t")
GREY = [Image.new("RGB", (8, 8), (v, v, v)) for v in (100, 0, 151)]


def never() -> Any:
    raise AssertionError("it is not taken")


def given(**inputs: Any) -> dict[Input, Callable[[], Any]]:
    return {
        name: (lambda n=name: inputs[n]) if name in inputs else never
        for name in ("reference", "reference_mask", "prompts")
    }  # type: ignore[misc, dict-item]


def test_the_metric_of_the_page_scores_with_its_own_model(outside: Outside, tmp_path: Path) -> None:
    outside.install_page(PAGE)
    (outside.folder / "weights.txt").write_text("0.25 0.5 0.25\n")
    metric, pocket = METRICS["brightness"], get_profile("pocket")
    before = metric.version(pocket)
    model = Resources.open(Settings.load({"DREAMTUNER_HOME": str(tmp_path)})).scorer("pocket", "brightness")
    scores = score_images(metric, model, GREY, given(reference=GREY[0]))
    assert scores == pytest.approx([1, 1 - 100 / 255, 1 - 51 / 255])
    (outside.folder / "weights.txt").write_text("0.5 0.25 0.25\n")
    assert metric.version(pocket) != before
    (outside.folder / "weights.txt").unlink()
    spec = Spec.model_validate(
        {"name": "x", "subjects": [{"name": "pip"}], "prompts": ["a {subject}"], "seeds": [1], "score": ["brightness"]}
    )
    with pytest.raises(InputError, match=r"lacks weights.txt \(it ships with my-metrics\)"):
        demand_models(spec, Resources.open(Settings.load({"DREAMTUNER_HOME": str(tmp_path)})))


def test_what_clip_metrics_take_is_what_they_declare() -> None:
    takes = {name: set(METRICS[name].takes) for name in CLIP}
    assert takes == {"clip_i": {"reference"}, "clip_i_masked": {"reference", "reference_mask"}, "clip_t": {"prompts"}}
    loads = {METRICS[name].load for name in CLIP}
    assert len(loads) == 1, "one CLIP model for all of them"


def test_clip_metrics_need_the_clip_model_alone(tmp_path: Path) -> None:
    pocket = get_profile("pocket")
    shutil.copytree(pocket.tower, tmp_path / "tower")
    alone = pocket.model_copy(update={"weights": tmp_path})
    for name in CLIP:
        assert METRICS[name].missing(alone) == []
        assert METRICS[name].version(alone) == METRICS[name].version(pocket)


@pytest.mark.parametrize(
    ("metric", "why"),
    [
        (
            "name, takes = 'odd', ('mask',)",
            "takes: unknown input 'mask'; choose from reference, reference_mask, prompts",
        ),
        ("name, takes = 'even', ()", "it is named 'even'"),
    ],
)
def test_a_metric_that_declares_nonsense_is_named(outside: Outside, metric: str, why: str) -> None:
    code = f"from dreamtuner.score import Metric\nclass Odd(Metric):\n    {metric}\n"
    outside.install("my-odds", {"my_odds.py": code}, {"dreamtuner.metrics": {"odd": "my_odds:Odd"}})
    with pytest.raises(PluginError, match=rf"the metric 'odd' of my-odds 1.0 cannot be loaded \({why}"):
        METRICS["odd"]


def test_a_metric_that_gives_too_few_scores_is_named() -> None:
    class Lazy:
        name, takes = "lazy", ()

        def score(self, model: Any, images: Any) -> list[float]:
            return [0.0]

    with pytest.raises(PluginError, match="the metric 'lazy' returned 1 scores for 3 images"):
        score_images(Lazy(), None, GREY, given())  # type: ignore[arg-type]
