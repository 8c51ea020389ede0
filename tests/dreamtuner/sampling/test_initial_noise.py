"""The noise of a reference in x_T: neutral at 0, seeds without effect at 1, unit variance between, made once."""

from dataclasses import replace

import numpy as np
import pytest
import torch
from PIL import Image

from dreamtuner.families.unet.backbone import UNetBackbone
from dreamtuner.sampling.generate import generate
from dreamtuner.sampling.initial_noise import initial_noise
from dreamtuner.sampling.loop import cell_noise
from dreamtuner.sampling.reference_cache import ReferenceCache
from dreamtuner.sampling.request import Cell, Reference
from dreamtuner.settings.recipe_fields import to_fields
from dreamtuner.settings.sampling import Sampling

CELLS = [Cell("a bear on the beach", 1), Cell("a bear on the beach", 2)]
S = Sampling(steps=2, w_c=4.0)


def generators(*seeds: int) -> list[torch.Generator]:
    return [torch.Generator().manual_seed(seed) for seed in seeds]


def far(a: Image.Image, b: Image.Image) -> int:
    return int(np.abs(np.asarray(a, dtype=int) - np.asarray(b, dtype=int)).max())


def test_at_zero_it_is_the_seeds_noise_and_in_no_digest(tiny: UNetBackbone, pip: Reference) -> None:
    z_r = torch.randn(1, 8, 4, 4)
    assert torch.equal(initial_noise(generators(1, 2), (8, 4, 4), z_r, 0.0), cell_noise(generators(1, 2), (8, 4, 4)))
    assert torch.equal(initial_noise(generators(1), (8, 4, 4), None, 0.7), cell_noise(generators(1), (8, 4, 4)))
    assert "inversion" not in to_fields(S)
    assert to_fields(S.model_copy(update={"inversion": 0.7}))["inversion"] == 0.7


@pytest.mark.parametrize("inversion", [0.3, 0.7, 1.0])
def test_the_variance_stays(inversion: float) -> None:
    z_r = cell_noise(generators(0), (8, 64, 64))
    mixed = initial_noise(generators(1), (8, 64, 64), z_r, inversion)
    assert float(mixed.std()) == pytest.approx(1, abs=0.02)
    assert float((mixed * z_r).mean()) == pytest.approx(inversion, abs=0.02)


def test_seeds_make_less_difference_the_more_of_the_reference_there_is(tiny: UNetBackbone, pip: Reference) -> None:
    apart = []
    for inversion in (0.0, 0.9, 1.0):
        one, other = generate(tiny, pip, CELLS, S.model_copy(update={"inversion": inversion}))
        apart.append(float(np.abs(np.asarray(one, dtype=float) - np.asarray(other, dtype=float)).mean()))
    assert apart[0] > apart[1] > apart[2]
    assert apart[2] < 0.01


def test_a_cell_alone_is_the_cell_in_its_grid_and_the_noise_is_made_once(tiny: UNetBackbone, pip: Reference) -> None:
    sampling, cache = S.model_copy(update={"inversion": 0.6}), ReferenceCache()
    together = generate(tiny, pip, CELLS, sampling, reference_cache=cache)
    held = cache.tensor("noise of the reference", lambda: pytest.fail("it was not kept"))
    assert held.shape == (1, *tiny.latent_shape(64))
    [alone] = generate(tiny, pip, CELLS[1:], sampling)
    assert far(alone, together[1]) <= 1
    assert np.array_equal(alone, generate(tiny, pip, CELLS[1:], sampling, reference_cache=cache)[0])


def test_without_a_subject_it_has_no_effect(tiny: UNetBackbone, pip: Reference) -> None:
    empty = replace(pip, mask=Image.new("L", pip.image.size, 0))
    for reference in (None, empty):
        images = (
            generate(tiny, reference, CELLS[:1], S.model_copy(update={"inversion": share}))[0] for share in (0, 0.8)
        )
        assert np.array_equal(*images)


def test_a_reference_of_another_shape_is_fitted_into_the_images(tiny: UNetBackbone, pip: Reference) -> None:
    wide = Sampling(steps=2, w_c=4.0, size="96x64", inversion=1.0)
    one, other = generate(tiny, pip, CELLS, wide)
    assert one.size == (96, 64)
    assert far(one, other) <= 1


@pytest.mark.filterwarnings("ignore:__array:DeprecationWarning")  # inside diffusers
def test_the_sampler_does_not_change_the_noise(tiny: UNetBackbone, pip: Reference) -> None:
    noises = []
    for scheduler in (None, "DPM++ 2M"):
        cache = ReferenceCache()
        sampling = S.model_copy(update={"inversion": 0.5, "scheduler": scheduler})
        generate(tiny, pip, CELLS[:1], sampling, reference_cache=cache)
        noises.append(cache.tensor("noise of the reference", lambda: torch.zeros(1)))
    assert torch.equal(*noises)


def test_a_single_step_cannot_be_inverted(tiny: UNetBackbone, pip: Reference) -> None:
    with pytest.raises(ValueError, match=r"sampling\.inversion"):
        generate(tiny, pip, CELLS[:1], Sampling(steps=1, inversion=0.5))


def test_without_the_reference_in_any_step_the_image_is_the_plain_models(tiny: UNetBackbone, pip: Reference) -> None:
    late = generate(tiny, pip, CELLS[:1], S.model_copy(update={"reference_from": 1.0}))[0]
    assert far(late, generate(tiny, None, CELLS[:1], S)[0]) <= 1
    half = generate(tiny, pip, CELLS[:1], S.model_copy(update={"reference_from": 0.5}))[0]
    assert far(half, late) > 1
