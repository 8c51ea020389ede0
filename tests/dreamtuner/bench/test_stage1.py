"""What stage 1 costs: counted at true shapes, and fitted to cards."""

import pytest
import torch

from dreamtuner.bench.shapes import VISION
from dreamtuner.bench.stage1 import (
    CARDS,
    SD15,
    SDXL,
    UTILISATION,
    ImageCost,
    Shapes,
    days,
    fitted,
    image_cost,
    memory_bytes,
)
from dreamtuner.families.unet import build
from dreamtuner.families.unet.subject_encoder import SubjectEncoder
from dreamtuner.train.encoder.settings import PRESETS

TERA = 10**12
COST = ImageCost("a model", 512, 10**8, 10**9, 2 * TERA, 3 * TERA, held=4 * 10**9, held_again=10**9)


def test_a_preset_is_fitted_to_its_card():
    small, large = (fitted(COST, PRESETS.load(name), CARDS[name]) for name in ("one-24gb", "one-80gb"))
    assert (small.at_once, small.checkpointing) == (8, True)
    assert (large.at_once, large.checkpointing) == (16, False)
    assert memory_bytes(COST, large) == 2 * 10**9 + 20 * 10**8 + 64 * 10**9
    huge = ImageCost("a huge one", 512, 10**8, 10**9, TERA, TERA, held=10**11, held_again=10**10)
    assert fitted(huge, PRESETS.load("one-80gb"), CARDS["one-80gb"]).checkpointing
    with pytest.raises(ValueError, match="24 GB"):
        fitted(ImageCost("none", 512, 1, 10**11, 1, 1, 1, 1), PRESETS.load("one-24gb"), CARDS["one-24gb"])


def test_eight_cards_take_an_eighth_of_the_time():
    one, eight = (PRESETS.load(name) for name in ("one-80gb", "eight-80gb"))
    first, second = (days(COST, each, tflops=312, utilisation=UTILISATION) for each in (one, eight))
    assert first == pytest.approx(8 * second)
    assert first == pytest.approx(2 * 3_200_000 / (312 * UTILISATION) / 86400)


@pytest.mark.slow
@pytest.mark.parametrize(("shapes", "numbers"), [(SD15, 52_648_256), (SDXL, 341_505_536)])
def test_the_encoder_of_a_real_model_is_counted(shapes: Shapes, numbers: int):
    with torch.device("meta"):
        encoder = SubjectEncoder.for_unet(build.new_unet(**shapes.unet), VISION, width=768)
    assert sum(p.numel() for p in encoder.parameters()) == numbers


@pytest.mark.slow
def test_stable_diffusion_at_true_shapes():
    cost = image_cost(SD15)
    assert cost.numbers == 52_648_256
    assert 1.2 < cost.flops_again / cost.flops < 1.4
    assert cost.held_again < cost.held / 5
