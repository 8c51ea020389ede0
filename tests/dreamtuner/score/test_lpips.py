"""LPIPS equals its published formula, computed by other means, and loads what torchvision and lpips publish."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from PIL import Image, ImageFilter
from safetensors.torch import save_file
from torch import Tensor

from dreamtuner.models.profiles import get_profile
from dreamtuner.score import METRICS, score_images
from dreamtuner.score.lpips import SIDE, AlexFeatures

POCKET, NAME = get_profile("pocket"), "lpips_alex_similarity"
CHANNELS = (64, 192, 384, 256, 256)


@pytest.fixture(scope="module")
def states(tmp_path_factory: pytest.TempPathFactory) -> tuple[dict[str, Tensor], dict[str, Tensor]]:
    """Random weights in the names and shapes of the two published files, with AlexNet's classifier."""
    generator = torch.Generator().manual_seed(4)
    alexnet = {
        name: torch.randn(one.shape, generator=generator) * (0.05 if one.ndim > 1 else 0.1)
        for name, one in AlexFeatures().state_dict().items()
    }
    alexnet["classifier.1.weight"] = torch.ones(2, 2)
    weights = {
        f"lin{i}.model.1.weight": torch.rand((1, channels, 1, 1), generator=generator)
        for i, channels in enumerate(CHANNELS)
    }
    return alexnet, weights


@pytest.fixture(autouse=True)
def places(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, states: Any) -> tuple[Path, Path]:
    alexnet, linear = tmp_path / "alexnet.safetensors", tmp_path / "alex.pth"
    save_file(states[0], alexnet)
    torch.save(states[1], linear)
    monkeypatch.setenv("DREAMTUNER_ALEXNET_WEIGHTS", str(alexnet))
    monkeypatch.setenv("DREAMTUNER_LPIPS_ALEX_WEIGHTS", str(linear))
    return alexnet, linear


def images() -> list[Image.Image]:
    rng = np.random.default_rng(7)
    first = Image.fromarray(rng.integers(0, 255, (280, 300, 3), np.uint8)).filter(ImageFilter.GaussianBlur(4))
    return [first, first.filter(ImageFilter.GaussianBlur(2)), first.transpose(Image.Transpose.FLIP_LEFT_RIGHT)]


def by_the_formula(image: Image.Image, reference: Image.Image, states: Any) -> float:
    """Equation 1 in float64, one place of one layer after another; convolutions as sums over unfolded patches."""
    state, weights = ({name: one.double() for name, one in each.items()} for each in states)

    def conv(x: Tensor, at: int, stride: int, padding: int) -> Tensor:
        kernel = state[f"features.{at}.weight"]
        side = (x.shape[-1] + 2 * padding - kernel.shape[-1]) // stride + 1
        patches = F.unfold(x, kernel.shape[-1], padding=padding, stride=stride)[0]
        found = kernel.flatten(1) @ patches + state[f"features.{at}.bias"][:, None]
        return found.clamp(min=0).reshape(1, -1, side, side)

    def layers(one: Image.Image) -> list[Tensor]:
        scale = SIDE / min(one.size)
        wide = (one.width - SIDE / scale) / 2, (one.height - SIDE / scale) / 2
        box = (*wide, one.width - wide[0], one.height - wide[1])
        small = np.asarray(one.resize((SIDE, SIDE), Image.Resampling.BICUBIC, box=box), dtype=np.float64)
        x = torch.from_numpy(small / 255 * 2 - 1).permute(2, 0, 1)[None]
        x = (x - torch.tensor([-0.030, -0.088, -0.188]).double()[:, None, None]) / torch.tensor(
            [0.458, 0.448, 0.450], dtype=torch.float64
        )[:, None, None]
        one_ = conv(x, 0, 4, 2)
        two = conv(F.max_pool2d(one_, 3, 2), 3, 1, 2)
        three = conv(F.max_pool2d(two, 3, 2), 6, 1, 1)
        four = conv(three, 8, 1, 1)
        return [one_, two, three, four, conv(four, 10, 1, 1)]

    total = 0.0
    for i, (a, b) in enumerate(zip(layers(image), layers(reference), strict=True)):
        units = [F.normalize(each, dim=1, eps=1e-10) for each in (a, b)]
        weighted = (units[0] - units[1]) ** 2 * weights[f"lin{i}.model.1.weight"]
        total += float(weighted.sum(1).mean())
    return total


def scores(found: list[Image.Image]) -> list[float]:
    metric = METRICS[NAME]
    return score_images(metric, metric.load(POCKET, "cpu"), found, {"reference": lambda: found[0]})


def test_lpips_is_its_formula(states: Any) -> None:
    given = images()
    found = scores(given)
    assert found == pytest.approx([1 - by_the_formula(one, given[0], states) for one in given], abs=1e-4)
    assert found[0] == pytest.approx(1, abs=1e-6)
    assert 1 > found[1] > found[2] + 0.01, "a blurred image is nearer than a mirrored one"


def test_the_version_follows_both_files_and_what_is_missing_names_the_command(
    places: tuple[Path, Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    metric, before = METRICS[NAME], METRICS[NAME].version(POCKET)
    torch.save({"lin0.model.1.weight": torch.ones(1, 64, 1, 1)}, places[1])
    assert metric.version(POCKET) != before
    monkeypatch.delenv("DREAMTUNER_ALEXNET_WEIGHTS")
    assert [one.rpartition(": ")[2] for one in metric.missing(POCKET)] == ["dreamtuner models fetch alexnet"]


@pytest.mark.parametrize(
    ("which", "tensors", "why"),
    [
        (0, {"features.0.weight": torch.ones(64, 3, 3, 3)}, "is not the state of torchvision's AlexNet"),
        (1, {"lin0.model.1.weight": torch.ones(1, 64, 1, 1)}, r"has no lin1.model.1.weight of 192 channels"),
        (1, {"lin0.model.1.weight": torch.ones(1, 128, 1, 1)}, r"has no lin0.model.1.weight of 64 channels"),
    ],
)
def test_other_models_are_refused(places: tuple[Path, Path], which: int, tensors: Any, why: str) -> None:
    (save_file if which == 0 else torch.save)(tensors, places[which])  # type: ignore[operator]
    with pytest.raises(ValueError, match=why):
        METRICS[NAME].load(POCKET, "cpu")


def test_a_file_with_code_or_without_tensors_is_refused(places: tuple[Path, Path]) -> None:
    torch.save({"lin0.model.1.weight": Path("a")}, places[1])
    with pytest.raises(ValueError, match="cannot be read as tensors"):
        METRICS[NAME].load(POCKET, "cpu")
    places[1].write_bytes(b"not a model")
    with pytest.raises(ValueError, match="cannot be read as tensors"):
        METRICS[NAME].load(POCKET, "cpu")
    torch.save([1, 2], places[1])
    with pytest.raises(ValueError, match="holds something else than tensors by name"):
        METRICS[NAME].load(POCKET, "cpu")
