"""The shipped pocket weights: small enough, opened by stock diffusers, following prompts and carrying subjects.

Bounds lie well below what the training report states, so that they fail for a broken model and not by chance.
"""

from pathlib import Path

import numpy as np
import pytest
from diffusers import ControlNetModel, StableDiffusionControlNetPipeline, StableDiffusionPipeline

from dreamtuner.baselines.training_free import Attending
from dreamtuner.evaluation.ablations import means
from dreamtuner.evaluation.base_model import (
    HeldOutSet,
    autoencoder_metrics,
    draw,
    layout_metrics,
    oracle_metrics,
    prompt_metrics,
)
from dreamtuner.evaluation.cells import image_requests
from dreamtuner.evaluation.held_out import held_out_subjects
from dreamtuner.evaluation.intervals import MetricValue
from dreamtuner.evaluation.result import result_of
from dreamtuner.evaluation.run import Bench, measure_cells
from dreamtuner.families.unet.family import load_backbone
from dreamtuner.models.layouts import OWN_FIELDS, Kind
from dreamtuner.models.profiles import get_profile
from dreamtuner.pocket.world import caption
from dreamtuner.score.clip import load_clip
from dreamtuner.score.oracle import Oracle

pytestmark = pytest.mark.slow  # they train, or generate hundreds of images

WEIGHTS = get_profile("pocket").weights


@pytest.fixture(scope="module")
def oracle() -> Oracle:
    return Oracle.load(WEIGHTS / "oracle")


@pytest.fixture(scope="module")
def pipe() -> StableDiffusionPipeline:
    pipe: StableDiffusionPipeline = StableDiffusionPipeline.from_pretrained(WEIGHTS, local_files_only=True)
    return pipe


def _values(figures: list[MetricValue]) -> dict[str, float]:
    return {figure.name: figure.value for figure in figures}


def test_all_of_it_is_at_most_30_mb_of_fp16_safetensors():
    files = [f for f in Path(WEIGHTS).rglob("*") if f.is_file()]
    assert sum(f.stat().st_size for f in files) <= 30e6
    assert {f.suffix for f in files} <= {".safetensors", ".json", ".md", ".txt"}


def test_the_oracle_reads_what_is_rendered(oracle: Oracle):
    read = _values(oracle_metrics(oracle, HeldOutSet.sample(120)))
    assert min(read[name] for name in ("scene", "style", "pose", "expression")) > 0.9
    assert min(read.values()) > 0.8


def test_the_autoencoder_keeps_what_the_oracle_reads(oracle: Oracle):
    kept = _values(autoencoder_metrics(WEIGHTS, oracle, HeldOutSet.sample(40)))
    assert kept.pop("PSNR") > 27
    assert kept.pop("PSNR of the subject") > 24
    (lost,) = kept.values()
    assert lost < 0.12


def test_stock_diffusers_draws_what_prompts_say(oracle: Oracle, pipe: StableDiffusionPipeline):
    asked = HeldOutSet.sample(24)
    words = [caption(p.identity, p.context) for p in asked.pictures]
    followed = _values(prompt_metrics(oracle, draw(pipe, words, lambda line: None), asked))
    assert min(followed[name] for name in ("scene", "style", "pose", "class_word")) > 0.7
    assert followed["expression"] > 0.4  # chance is 0.25


@pytest.mark.parametrize("kind", OWN_FIELDS)
def test_a_layout_is_followed_where_the_prompt_is_silent(oracle: Oracle, pipe: StableDiffusionPipeline, kind: Kind):
    asked = HeldOutSet.sample(12)
    words = [caption(p.identity, p.context).replace(f", {p.context.pose}", "", 1) for p in asked.pictures]
    controlnet = ControlNetModel.from_pretrained(WEIGHTS / f"controlnet-{kind}")
    led = StableDiffusionControlNetPipeline(**pipe.components, controlnet=controlnet, requires_safety_checker=False)
    layouts = {"depth": asked.drawn.depth.expand(-1, 3, -1, -1), "pose": asked.drawn.pose}[kind]
    figures = _values(layout_metrics(oracle, draw(led, words, lambda line: None, layouts), asked, kind))
    assert figures["pose"] > 0.5  # chance is one in six
    assert figures["silhouette IoU"] > 0.7


def test_the_reference_is_carried_by_each_of_its_ways(oracle: Oracle):
    profile = get_profile("pocket")
    bench = Bench(load_backbone(profile), profile, oracle, load_clip(profile))
    identity, scene = {}, {}
    for way in (
        Attending("plain", {"w_ref": 0.0, "beta": 0.0}),
        Attending("S-S-A", {"beta": 0.0}),
        Attending("both"),
    ):
        units = []
        for one in held_out_subjects(4, seed=3):
            ((_, measured, pictures),) = measure_cells(bench, way, one, image_requests(one, 3, 1), Path("none"))
            units.append(result_of(one, measured, pictures))
        drawn = means([unit.drawn for unit in units])
        identity[way.name], scene[way.name] = drawn["identity"].value, drawn["scene"].value
    assert identity["S-S-A"] > identity["plain"] + 0.1
    assert identity["both"] > identity["plain"] + 0.1
    assert np.mean(list(scene.values())) > 0.7
