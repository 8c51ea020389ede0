"""CLIP-I and CLIP-T are cosines of a stock CLIPModel, and what they ignore does not count."""

import shutil
from pathlib import Path

import pytest
import torch
from PIL import Image, ImageDraw
from transformers import CLIPModel

from dreamtuner.models.profiles import Profile, folder_profile, get_profile
from dreamtuner.models.weights import WeightsMissingError
from dreamtuner.score import METRICS, score_images
from dreamtuner.score.clip import ClipModel, load_clip

PROMPTS = ["a bear on the beach", "a frog", "a bear, waving"]


@pytest.fixture(scope="module")
def tower(tiny_profile: Profile) -> ClipModel:
    return load_clip(tiny_profile)


@pytest.fixture
def images() -> list[Image.Image]:
    pictures = [Image.new("RGB", (64, 64), colour) for colour in ("red", "green", "navy")]
    for i, picture in enumerate(pictures):
        ImageDraw.Draw(picture).ellipse((5 * i, 10, 40, 50), fill="yellow")
    return pictures


def score(name: str, tower: ClipModel, images: list[Image.Image], mask: Image.Image | None = None) -> list[float]:
    prompts = PROMPTS[: len(images)]
    given = {"reference": lambda: images[0], "reference_mask": lambda: mask, "prompts": lambda: prompts}
    return score_images(METRICS[name], tower, images, given)  # type: ignore[arg-type]


def test_clip_i_of_the_reference_itself_is_one(tower: ClipModel, images: list[Image.Image]) -> None:
    scores = score("clip_i", tower, images)
    assert scores[0] == pytest.approx(1, abs=1e-6)
    assert all(-1 <= s < 1 - 1e-6 for s in scores[1:])


def test_masked_clip_i_does_not_see_the_references_background(tower: ClipModel, images: list[Image.Image]) -> None:
    mask = Image.new("L", (64, 64), 0)
    ImageDraw.Draw(mask).ellipse((0, 10, 40, 50), fill=255)
    other = Image.composite(images[0], Image.new("RGB", (64, 64), "purple"), mask)
    masked = METRICS["clip_i_masked"].score(tower, images, reference=other, reference_mask=mask)
    assert masked == score("clip_i_masked", tower, images, mask)
    assert masked != score("clip_i_masked", tower, images)
    with pytest.raises(ValueError, match="reference_mask"):
        score("clip_i_masked", tower, images, Image.new("L", (8, 8)))
    assert score("clip_i", tower, images, mask) == score("clip_i", tower, images)


@torch.no_grad()
def test_clip_t_is_the_models_own_logit_without_its_temperature(tower: ClipModel, images: list[Image.Image]) -> None:
    model: CLIPModel = tower.model
    pixels = tower.image_processor(images, return_tensors="pt")["pixel_values"]
    tokens = tower.tokenizer(PROMPTS, padding="max_length", max_length=24, truncation=True, return_tensors="pt")
    out = model(pixel_values=pixels, **tokens)
    expected = (out.logits_per_image / model.logit_scale.exp()).diag()
    torch.testing.assert_close(torch.tensor(score("clip_t", tower, images)), expected, rtol=0, atol=1e-6)


def test_a_picture_alone_scores_as_in_its_batch(tower: ClipModel, images: list[Image.Image]) -> None:
    for name in ("clip_i", "clip_i_masked", "clip_t"):
        assert score(name, tower, images)[0] == pytest.approx(score(name, tower, images[:1])[0], abs=1e-6)
        given = {"reference": images[0], "reference_mask": None, "prompts": []}
        assert METRICS[name].score(tower, [], **{one: given[one] for one in METRICS[name].takes}) == []
    with pytest.raises(ValueError, match="prompts: 1 for 3 images"):
        METRICS["clip_t"].score(tower, images, prompts=PROMPTS[:1])


def test_version_follows_the_metric_and_the_towers_weights(tmp_path: Path, tiny_profile: Profile) -> None:
    shutil.copytree(tiny_profile.tower, tmp_path / "tower")
    copy = tiny_profile.model_copy(update={"weights": tmp_path})
    metric = METRICS["clip_i"]
    assert metric.version(copy) == metric.version(tiny_profile)
    assert metric.version(copy).startswith("1-")
    config = tmp_path / "tower" / "config.json"
    config.write_text(config.read_text() + " ")
    assert metric.version(copy) != metric.version(tiny_profile)


def test_missing_tower_names_the_command(tmp_path: Path) -> None:
    with pytest.raises(WeightsMissingError, match=r"no CLIP model in .*: dreamtuner train pocket"):
        load_clip(get_profile("pocket").model_copy(update={"weights": tmp_path}))


def test_metrics_are_filed_under_their_names() -> None:
    assert all(name == metric.name for name, metric in METRICS.working().items())
    assert {"clip_i", "clip_i_masked", "clip_t"} <= set(METRICS)


def test_tower_reads_the_folder_alone(tiny_profile: Profile) -> None:
    assert folder_profile(tiny_profile.weights, name="x").tower == tiny_profile.weights / "tower"
