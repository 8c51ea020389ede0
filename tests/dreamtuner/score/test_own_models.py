"""Metrics with models of their own: equal to transformers' classes on the same inputs, from a local cache, offline."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image, ImageDraw
from safetensors.torch import save_file
from torch import Tensor, nn
from transformers import AutoModel, CLIPModel, CLIPProcessor, CLIPTokenizer
from transformers.models.clip.image_processing_pil_clip import CLIPImageProcessorPil

from dreamtuner.models.auxiliary import AUXILIARY, auxiliary_place
from dreamtuner.models.auxiliary.fetch import fetch_auxiliary
from dreamtuner.models.intake.errors import IntakeError
from dreamtuner.models.intake.sources import hub_source
from dreamtuner.models.profiles import get_profile
from dreamtuner.models.weights import WeightsMissingError
from dreamtuner.score import METRICS, score_images
from tests.auxiliary_models import in_cache, write_clip, write_dino, write_dinov2

POCKET = get_profile("pocket")
PROMPTS = ["a bear on the beach", "a frog", "a bear, waving"]
WRITERS = {"vit": write_dino, "dinov2": write_dinov2, "clip": write_clip}
CLOSE = {"abs": 1e-5}


@pytest.fixture(scope="module")
def cache(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A cache with every auxiliary model of this kind, each of its own architecture."""
    root = tmp_path_factory.mktemp("hub")
    for name in ("clip-vit-b32", "clip-vit-l14", "dino-vits8", "dino-vits16", "dinov2-small", "dinov2-base"):
        model = AUXILIARY[name]
        WRITERS[model.model_types[0]](in_cache(root, hub_source(model.source).repository))
    head = nn.Sequential(nn.Linear(16, 8), nn.Linear(8, 4), nn.Linear(4, 1))
    source = hub_source(AUXILIARY["aesthetic-l14"].source)
    tensors = {
        f"layers.{2 * i}.{name}": value for i, one in enumerate(head) for name, value in one.state_dict().items()
    }
    torch.save(tensors, in_cache(root, source.repository) / source.path)
    return root


@pytest.fixture(autouse=True)
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, cache: Path) -> Path:
    monkeypatch.setenv("DREAMTUNER_HOME", str(tmp_path / "home"))
    monkeypatch.setenv("HF_HUB_CACHE", str(cache))
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")
    return tmp_path / "home"


@pytest.fixture(scope="module")
def images() -> list[Image.Image]:
    rng = np.random.default_rng(5)
    pictures = [
        Image.fromarray(rng.integers(0, 255, (h, w, 3), np.uint8)) for w, h in ((300, 260), (64, 96), (512, 512))
    ]
    for i, picture in enumerate(pictures):
        ImageDraw.Draw(picture).ellipse((5 + 7 * i, 10, 40, 50), fill="yellow")
    return pictures


def scores(name: str, images: list[Image.Image], mask: Image.Image | None = None) -> list[float]:
    for model in METRICS[name].models:
        fetch_auxiliary(model)
    given: Any = {"reference": lambda: images[0], "reference_mask": lambda: mask, "prompts": lambda: PROMPTS}
    return score_images(METRICS[name], METRICS[name].load(POCKET, "cpu"), images, given)


def by_torch(images: list[Image.Image]) -> Tensor:
    """The published preprocessing of DINO's evaluation, by Pillow and torch alone."""
    pixels = []
    for one in images:
        scale = 256 / min(one.size)
        sides = tuple(256 if side == min(one.size) else int(side * scale) for side in one.size)
        resized = one.resize(sides, Image.Resampling.BICUBIC)  # type: ignore[arg-type]
        left, top = ((side - 224) // 2 for side in resized.size)
        cropped = resized.crop((left, top, left + 224, top + 224))
        pixels.append(torch.from_numpy(np.array(cropped)).permute(2, 0, 1) / 255)
    mean, deviation = (torch.tensor(one)[:, None, None] for one in ((0.485, 0.456, 0.406), (0.229, 0.224, 0.225)))
    return (torch.stack(pixels) - mean) / deviation


@pytest.mark.parametrize("name", ["dino_s8", "dino_s16", "dinov2_s", "dinov2_b"])
def test_dino_is_the_cosine_of_the_cls_tokens_of_transformers_own_model(name: str, images: list[Image.Image]) -> None:
    found = scores(name, images)
    (model,) = METRICS[name].models
    stock = AutoModel.from_pretrained(auxiliary_place(model), local_files_only=True).eval()
    with torch.no_grad():
        tokens = stock(by_torch(images)).last_hidden_state[:, 0]
    assert found == pytest.approx(torch.cosine_similarity(tokens, tokens[:1]).tolist(), **CLOSE)
    assert found[0] == pytest.approx(1, abs=1e-6)
    assert max(found[1:]) < 0.9999


@pytest.mark.parametrize("size", ["b32", "l14"])
def test_clip_scores_are_the_logits_of_transformers_own_model(size: str, images: list[Image.Image]) -> None:
    alike, prompted = scores(f"clip_i_{size}", images), scores(f"clip_t_{size}", images)
    folder = auxiliary_place(f"clip-vit-{size}")
    stock = CLIPModel.from_pretrained(folder, local_files_only=True).eval()
    processor = CLIPProcessor(CLIPImageProcessorPil.from_pretrained(folder), CLIPTokenizer.from_pretrained(folder))
    with torch.no_grad():
        out = stock(**processor(text=PROMPTS, images=images, return_tensors="pt", padding=True))
    assert prompted == pytest.approx((out.logits_per_image.diag() / stock.logit_scale.exp()).tolist(), **CLOSE)
    assert alike == pytest.approx((out.image_embeds @ out.image_embeds[0]).tolist(), **CLOSE)


def test_the_aesthetic_score_is_the_heads_layers_one_after_another(images: list[Image.Image], cache: Path) -> None:
    found = scores("aesthetic_l14", images)
    stock = CLIPModel.from_pretrained(auxiliary_place("clip-vit-l14"), local_files_only=True).eval()
    pixels = CLIPImageProcessorPil()(images, return_tensors="pt")["pixel_values"]
    tensors = torch.load(str(auxiliary_place("aesthetic-l14")), weights_only=True)
    with torch.no_grad():
        h = nn.functional.normalize(stock.visual_projection(stock.vision_model(pixels).pooler_output), dim=-1)
        for i in (0, 2, 4):
            h = nn.functional.linear(h, tensors[f"layers.{i}.weight"], tensors[f"layers.{i}.bias"])
    assert found == pytest.approx(h[:, 0].tolist(), **CLOSE)


@pytest.mark.parametrize("name", ["dino_s16", "dinov2_b", "clip_i_b32"])
def test_masked_forms_see_the_reference_on_white(name: str, images: list[Image.Image]) -> None:
    mask = Image.new("L", images[0].size, 0)
    ImageDraw.Draw(mask).ellipse((50, 50, 200, 200), fill=255)
    white = Image.composite(images[0], Image.new("RGB", images[0].size, "white"), mask)
    masked = scores(f"{name}_masked", images, mask)
    assert masked == pytest.approx(scores(name, [white, *images])[1:], **CLOSE)
    assert scores(f"{name}_masked", images) == scores(name, images), "a reference without a mask is whole"


def test_metrics_of_one_model_share_it_and_its_digest_is_their_version() -> None:
    for model in ("clip-vit-l14", "clip-vit-b32"):
        fetch_auxiliary(model)
    assert METRICS["clip_i_l14"].load is METRICS["clip_t_l14"].load is METRICS["clip_i_l14_masked"].load
    assert METRICS["clip_i_l14"].load is not METRICS["clip_i_b32"].load
    other = POCKET.model_copy(update={"name": "other", "clip": Path("/nowhere")})
    assert METRICS["clip_t_b32"].version(POCKET) == METRICS["clip_t_b32"].version(other)


def test_the_version_follows_the_models_files_and_not_their_place(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    metric = METRICS["dino_s16"]
    with pytest.raises(WeightsMissingError, match="dreamtuner models fetch dino-vits16"):
        metric.version(POCKET)
    lock, _ = fetch_auxiliary("dino-vits16")
    fetched = metric.version(POCKET)
    assert {one.path for one in lock.places[0].files} == {"config.json", "model.safetensors"}
    own = write_dino(tmp_path / "own")
    monkeypatch.setenv("DREAMTUNER_DINO_VITS16_WEIGHTS", str(own))
    assert metric.version(POCKET) == fetched
    (own / "config.json").write_text((own / "config.json").read_text() + " ")
    assert metric.version(POCKET) != fetched
    monkeypatch.setenv("DREAMTUNER_DINO_VITS16_WEIGHTS", str(tmp_path / "gone"))
    assert metric.missing(POCKET) == [
        "the model dino-vits16, which is not on this machine; get it with: dreamtuner models fetch dino-vits16"
    ]


def test_another_model_is_refused_and_nothing_is_locked(
    tmp_path: Path, home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HF_HUB_CACHE", str(tmp_path / "cache"))
    with pytest.raises(IntakeError, match=r"is not in .* and the net is not used"):
        fetch_auxiliary("dino-vits16")
    write_dinov2(in_cache(tmp_path / "cache", "facebook/dino-vits16"))
    with pytest.raises(IntakeError, match="is a model of type 'dinov2', dino-vits16 is vit"):
        fetch_auxiliary("dino-vits16")
    assert list((home / "models").glob("*.json")) == []


def test_a_head_of_another_model_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    fetch_auxiliary("clip-vit-l14")
    save_file({"weight": torch.ones(1, 12), "bias": torch.zeros(1)}, tmp_path / "head.safetensors")
    monkeypatch.setenv("DREAMTUNER_AESTHETIC_L14_WEIGHTS", str(tmp_path / "head.safetensors"))
    with pytest.raises(ValueError, match="rates embeddings of 12 numbers, clip-vit-l14 gives 16"):
        METRICS["aesthetic_l14"].load(POCKET, "cpu")
    save_file({"weight": torch.ones(3, 16), "bias": torch.zeros(3)}, tmp_path / "head.safetensors")
    with pytest.raises(ValueError, match="not a head of linear layers with one output"):
        METRICS["aesthetic_l14"].load(POCKET, "cpu")
