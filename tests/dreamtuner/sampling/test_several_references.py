"""Several references of a subject: identities of weights and order, and one reference pass for each."""

from dataclasses import replace
from typing import Any

import pytest
import torch
from PIL import Image, ImageDraw
from torch import Tensor

from dreamtuner.attention.subject_encoder import SubjectEncoderAttention, join_tokens
from dreamtuner.families.unet.backbone import UNetBackbone
from dreamtuner.pipeline import DreamTunerPipeline
from dreamtuner.sampling.generate import generate
from dreamtuner.sampling.reference_cache import ReferenceCache
from dreamtuner.sampling.request import Cell, Reference
from dreamtuner.settings.sampling import Sampling
from tests.dreamtuner.sampling.latents import LatentsKept

CELLS = [Cell("a bear on the beach", 1), Cell("a bear, waving", 2)]
S = Sampling(steps=3, p_r=0.6, w_r=2.0, w_c=4.0, beta=0.8)
EXACT = {"rtol": 1e-4, "atol": 1e-4}


@pytest.fixture(scope="module")
def seeing(whole: DreamTunerPipeline, tiny: UNetBackbone) -> UNetBackbone:
    """The tiny model with a subject-encoder."""
    read = {"image_encoder": whole.image_encoder, "image_processor": whole.feature_extractor}
    return replace(tiny, encoder=whole.subject_encoder, **read)


@pytest.fixture(scope="module")
def back(pip: Reference) -> Reference:
    """The subject from behind: another image, mask and caption."""
    image, mask = Image.new("RGB", (80, 96), "white"), Image.new("L", (80, 96), 0)
    for canvas, colour in ((image, "orange"), (mask, 255)):
        ImageDraw.Draw(canvas).rectangle((20, 10, 60, 80), fill=colour)
    return Reference(image, mask, "a bear from behind")


def latents(backbone: UNetBackbone, references: Any, cells: Any = CELLS, s: Sampling = S, **more: Any) -> Tensor:
    kept = LatentsKept(backbone)
    generate(kept, references, cells, s, **more)
    return torch.stack(kept.latents)


def apart(a: Tensor, b: Tensor) -> float:
    return float((a - b).abs().max())


@pytest.mark.parametrize(
    "s",
    [
        S,
        pytest.param(S.model_copy(update={"w_ref": 0.0}), marks=pytest.mark.slow),
        pytest.param(S.model_copy(update={"beta": 0.0}), marks=pytest.mark.slow),
    ],
)
def test_an_image_twice_at_half_the_weight_is_the_image_once(seeing: UNetBackbone, pip: Reference, s: Sampling) -> None:
    halves = [replace(pip, weight=0.5)] * 2
    torch.testing.assert_close(latents(seeing, halves, CELLS[:1], s), latents(seeing, pip, CELLS[:1], s), **EXACT)


@pytest.mark.slow
def test_twice_at_full_weight_is_once_at_twice_the_weight(seeing: UNetBackbone, pip: Reference) -> None:
    s = S.model_copy(update={"beta": 0.0})
    twice = latents(seeing, [pip, pip], s=s)
    torch.testing.assert_close(twice, latents(seeing, replace(pip, weight=2.0), s=s), **EXACT)
    heavier = s.model_copy(update={"w_ref": 2 * s.w_ref})
    torch.testing.assert_close(twice, latents(seeing, pip, s=heavier), **EXACT)
    assert apart(twice, latents(seeing, pip, s=s)) > 1e-3


@pytest.mark.slow
def test_each_reference_is_seen_by_its_weight(seeing: UNetBackbone, pip: Reference, back: Reference) -> None:
    alone, both = latents(seeing, pip), latents(seeing, [pip, back])
    little = latents(seeing, [pip, replace(back, weight=1e-6)])
    assert apart(alone, both) > 1e-2
    torch.testing.assert_close(little, alone, **EXACT)


@pytest.mark.slow
def test_the_order_of_further_references_is_a_matter_of_rounding(
    seeing: UNetBackbone, pip: Reference, back: Reference
) -> None:
    side = replace(back, image=back.image.rotate(180), mask=None, weight=0.25)
    one, other = latents(seeing, [pip, back, side]), latents(seeing, [pip, side, back])
    torch.testing.assert_close(one, other, **EXACT)


@pytest.mark.slow
def test_a_cell_alone_is_the_cell_in_its_grid(seeing: UNetBackbone, pip: Reference, back: Reference) -> None:
    references = [pip, replace(back, weight=0.5)]
    grid = latents(seeing, references)
    torch.testing.assert_close(latents(seeing, references, CELLS[1:])[0], grid[1], rtol=1e-5, atol=1e-5)


def test_each_reference_has_one_pass_for_all_cells(tiny: UNetBackbone, pip: Reference, back: Reference) -> None:
    cache, s = ReferenceCache(), S.model_copy(update={"beta": 0.0})
    first = [latents(tiny, [pip, back], [cell], s, reference_cache=cache) for cell in CELLS]
    assert cache.passes == 2
    assert torch.equal(first[1], latents(tiny, [pip, back], CELLS[1:], s))


@pytest.mark.slow
def test_too_little_memory_for_so_many_references_is_said(tiny: UNetBackbone, pip: Reference, back: Reference) -> None:
    cache, s = ReferenceCache(), S.model_copy(update={"beta": 0.0, "steps": 1, "p_r": 1.0})
    generate(tiny, pip, CELLS[:1], s, reference_cache=cache)
    with pytest.raises(ValueError, match=r"each reference may take; .*or from fewer references"):
        generate(tiny, [pip, pip], CELLS[:1], s, kv_bytes=cache.nbytes)


@pytest.mark.parametrize("weight", [0.0, -1.0, float("nan"), float("inf")])
def test_a_weight_is_positive_and_finite(pip: Reference, weight: float) -> None:
    with pytest.raises(ValueError, match=r"reference: the weight is .*; give a positive number"):
        replace(pip, weight=weight)


def test_tokens_of_equal_weight_have_none_and_others_count_as_if_repeated() -> None:
    layer = SubjectEncoderAttention(8, 2, 6).double()
    torch.nn.init.normal_(layer.to_out.weight)
    h, one, two = (torch.randn(1, n, c, dtype=torch.float64) for n, c in ((5, 8), (3, 6), (4, 6)))

    def seen(*each: tuple[Tensor, float]) -> Tensor:
        keys = join_tokens([({"layer": layer.keys(tokens)}, weight) for tokens, weight in each])
        assert keys is not None
        assert (keys["layer"].log_w is None) == (len({weight for _, weight in each}) == 1)
        layer.groups, layer.beta = [(1, keys["layer"])], 1.0
        out: Tensor = layer(h)
        return out

    repeated = seen((one, 1.0), (two, 1.0), (two, 1.0), (two, 1.0))
    torch.testing.assert_close(seen((one, 1.0), (two, 3.0)), repeated, rtol=0, atol=1e-12)
    assert torch.equal(seen((one, 4.0)), seen((one, 1.0)))
    assert join_tokens([(None, 1.0), (None, 2.0)]) is None


@pytest.mark.slow
def test_the_pipeline_takes_a_list_with_weights(whole: DreamTunerPipeline, pip: Reference, back: Reference) -> None:
    def made(**changes: Any) -> Tensor:
        call = {"reference_image": pip.image, "reference_mask": pip.mask, "reference_caption": pip.caption, **changes}
        generator = torch.Generator().manual_seed(1)
        out: Tensor = whole("a bear", generator=generator, output_type="latent", **call).images
        return out

    two = {"reference_image": [pip.image] * 2, "reference_mask": [pip.mask] * 2, "reference_caption": [pip.caption] * 2}
    torch.testing.assert_close(made(**two, reference_weight=0.5), made(), **EXACT)
    shown = {"reference_image": [pip.image, back.image], "reference_mask": [pip.mask, back.mask]}
    shown["reference_caption"] = [pip.caption, back.caption]
    torch.testing.assert_close(made(**shown, reference_weight=[1, 1e-6]), made(), **EXACT)
    assert apart(made(**shown), made()) > 1e-2
    for wrong in ([1.0], [1.0, 0.0], "1", float("nan"), True):
        with pytest.raises(ValueError, match=r"reference_weight: .* for 2 references; give one positive"):
            made(**shown, reference_weight=wrong)
