"""The shipped pocket weights: small enough, opened by stock diffusers, following prompts and carrying subjects.

Bounds lie well below what the training report states, so that they fail for a broken model and not by chance.
"""

import random
from pathlib import Path

import numpy as np
import pytest
import torch
from diffusers import StableDiffusionPipeline

from dreamtuner.backbone import load_backbone
from dreamtuner.pocket.autoencoder import pictures_to_model
from dreamtuner.pocket.fidelity import held_out_subjects, measure
from dreamtuner.pocket.judge import HEADS, truth
from dreamtuner.pocket.report import held_out_prompts
from dreamtuner.pocket.shards import draw_pictures
from dreamtuner.pocket.world import HELD_OUT, render
from dreamtuner.profiles import get_profile
from dreamtuner.score.oracle import Oracle

WEIGHTS = get_profile("pocket").weights


@pytest.fixture(scope="module")
def oracle() -> Oracle:
    return Oracle.load(WEIGHTS / "oracle")


def test_all_of_it_is_at_most_30_mb_of_fp16_safetensors():
    files = [f for f in Path(WEIGHTS).rglob("*") if f.is_file()]
    assert sum(f.stat().st_size for f in files) <= 30e6
    assert {f.suffix for f in files} <= {".safetensors", ".json", ".md"}


def test_the_oracle_reads_what_is_drawn(oracle: Oracle):
    pictures = draw_pictures(random.Random(11), HELD_OUT, 50)
    images = render([p.identity for p in pictures], [p.context for p in pictures]).image
    read = oracle.read(images * 2 - 1)
    right = {
        name: np.mean([seen[name] == truth(p)[name] for seen, p in zip(read, pictures, strict=True)]) for name in HEADS
    }
    assert min(right[name] for name in ("scene", "style", "pose", "class_word", "primary", "hat")) > 0.9
    assert min(right.values()) > 0.7


def test_stock_diffusers_draws_what_prompts_say(oracle: Oracle):
    pipe = StableDiffusionPipeline.from_pretrained(WEIGHTS, local_files_only=True)
    pipe.set_progress_bar_config(disable=True)
    wanted = held_out_prompts(24, seed=5)
    generators = [torch.Generator().manual_seed(i) for i in range(24)]
    prompts = [words for _, _, words in wanted]
    images = pipe(prompts, num_inference_steps=20, guidance_scale=4.0, generator=generators).images
    read = oracle.read(pictures_to_model(images))
    scenes = np.mean([seen["scene"] == context.scene for seen, (_, context, _) in zip(read, wanted, strict=True)])
    classes = np.mean([seen["class_word"] == one.class_word for seen, (one, _, _) in zip(read, wanted, strict=True)])
    assert scenes >= 0.8
    assert classes >= 0.5


def test_the_reference_is_carried(oracle: Oracle):
    profile = get_profile("pocket")
    backbone, subjects = load_backbone(profile), held_out_subjects(4, seed=3)
    with_reference = measure(backbone, oracle, profile, subjects, 4, {})
    without = measure(backbone, oracle, profile, subjects, 4, {"w_ref": 0.0})
    assert with_reference["identity"].mean > without["identity"].mean + 0.1
    assert with_reference["primary"].mean > without["primary"].mean + 0.2
    assert with_reference["scene"].mean >= 0.7
