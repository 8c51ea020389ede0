"""Distances between the images of one prompt, on images whose distances are known."""

import numpy as np
import pytest
from PIL import Image

from dreamtuner.evaluation.untrained.seeds import APART, apart, methods_of_seeds
from dreamtuner.models.profiles import get_profile
from dreamtuner.pocket.examples import draw_example
from dreamtuner.score.clip import ClipModel, load_clip
from dreamtuner.score.oracle import Oracle


@pytest.fixture(scope="module")
def models() -> tuple[Oracle, ClipModel]:
    profile = get_profile("pocket")
    return Oracle.load(profile.weights / "oracle"), load_clip(profile)


def test_equal_images_are_not_apart(models: tuple[Oracle, ClipModel]) -> None:
    found = apart(*models, [draw_example("pip")] * 3)
    assert list(found) == list(APART)
    assert list(found.values()) == pytest.approx([0.0] * len(APART), abs=1e-5)


def test_distances_are_means_over_pairs(models: tuple[Oracle, ClipModel]) -> None:
    pip, bolt = draw_example("pip"), draw_example("bolt")
    two, three = apart(*models, [pip, bolt]), apart(*models, [pip, bolt, bolt])
    pixels = (np.asarray(pip, dtype=float) - np.asarray(bolt, dtype=float)) / 255
    assert two["pixels"] == pytest.approx(np.sqrt((pixels**2).mean()), abs=1e-4)
    for name in APART:
        assert two[name] > 0, name
        assert three[name] == pytest.approx(two[name] * 2 / 3, abs=1e-4), name  # of three pairs one is equal


def test_black_and_white_are_as_far_apart_as_colours_get(models: tuple[Oracle, ClipModel]) -> None:
    assert apart(*models, [Image.new("RGB", (64, 64), c) for c in ("black", "white")])["pixels"] == pytest.approx(1.0)


def test_one_image_has_no_distance(models: tuple[Oracle, ClipModel]) -> None:
    with pytest.raises(ValueError, match="give two or more"):
        apart(*models, [draw_example("pip")])


def test_each_share_of_inversion_is_a_method() -> None:
    methods = methods_of_seeds([0.0, 0.25])
    assert list(methods) == ["plain", "a = 0", "a = 0.25", "masactrl"]
    assert getattr(methods["a = 0.25"], "changes") == {"inversion": 0.25}  # noqa: B009
