"""Baselines that train nothing: with their parts off they are the plain model; inversion is the sampler's inverse."""

from dataclasses import replace
from pathlib import Path

import pytest
import torch
from PIL import Image
from torch import Tensor

from dreamtuner.attention.self_subject import SubjectKeys, attend
from dreamtuner.baselines.masactrl import MasaCtrl, MaskedMutual, Mutual
from dreamtuner.baselines.method import Given, Method
from dreamtuner.baselines.plain import Plain
from dreamtuner.baselines.reference_only import Blended, ReferenceOnly
from dreamtuner.baselines.training_free import Attending
from dreamtuner.families.unet.backbone import UNetBackbone
from dreamtuner.sampling.inversion import invert
from dreamtuner.sampling.loop import denoise, fresh_scheduler
from dreamtuner.sampling.request import Cell, Reference
from dreamtuner.settings.sampling import Sampling

CELLS = [Cell("a photo of a bear on the beach", 1), Cell("a photo of a bear, waving", 2), Cell("a bear", 3)]


@pytest.fixture
def given(pip: Reference, tmp_path: Path) -> Given:
    return Given(pip, "bear", "natural", "a photo of a red bear", Sampling(steps=4, w_c=4.0), tmp_path)


def drawn(backbone: UNetBackbone, method: Method, given: Given, cells: list[Cell] = CELLS) -> list[bytes]:
    return [picture.tobytes() for picture in method.prepare(backbone, given).generate(cells)]


def _far(a: list[bytes], b: list[bytes]) -> int:
    """The largest difference of two pictures, in levels."""
    return max(abs(x - y) for one, two in zip(a, b, strict=True) for x, y in zip(one, two, strict=True))


@pytest.mark.parametrize("off", [{"from_step": 1.0}, {"from_layer": 1.0}])
def test_masactrl_that_never_begins_is_the_plain_model_to_the_last_bit(
    tiny: UNetBackbone, given: Given, off: dict[str, float]
) -> None:
    assert drawn(tiny, MasaCtrl(from_inversion=False, **off), given) == drawn(tiny, Plain(), given)
    assert drawn(tiny, MasaCtrl(from_inversion=False), given) != drawn(tiny, Plain(), given)


def test_all_of_it_off_is_the_plain_model(tiny: UNetBackbone, given: Given) -> None:
    assert drawn(tiny, Attending("off", {"w_ref": 0.0}), given) == drawn(tiny, Plain(), given)


@pytest.mark.parametrize("method", [ReferenceOnly(), MasaCtrl(), MasaCtrl(masked=True)])
def test_a_cell_alone_is_the_cell_in_its_grid_and_the_backbone_stays(
    tiny: UNetBackbone, given: Given, method: Method
) -> None:
    before = {name: type(one) for name, one in tiny.unet.attn_processors.items()}
    together = drawn(tiny, method, given)
    assert _far(together, [drawn(tiny, method, given, [cell])[0] for cell in CELLS]) <= 1
    assert {name: type(one) for name, one in tiny.unet.attn_processors.items()} == before


def test_without_a_mask_and_a_weight_the_background_counts(tiny: UNetBackbone, given: Given) -> None:
    green, snow = given, replace(given, reference=_on(given.reference, "white"))
    assert drawn(tiny, ReferenceOnly(), green) != drawn(tiny, ReferenceOnly(), snow)
    unseen = replace(given, reference=replace(given.reference, mask=None))
    assert drawn(tiny, ReferenceOnly(), green) == drawn(tiny, ReferenceOnly(), unseen)


def test_from_the_inverted_noise_seeds_make_no_difference(tiny: UNetBackbone, given: Given) -> None:
    method, cells = MasaCtrl(), [Cell("a bear", 1), Cell("a bear", 2)]
    assert _far(*([one] for one in drawn(tiny, method, given, cells))) <= 1


def test_reference_only_blends_the_plain_output_with_the_one_beside_the_reference() -> None:
    generator = torch.Generator().manual_seed(0)
    q, k, v = (torch.randn(2, 2, 5, 4, generator=generator) for _ in range(3))
    keys = SubjectKeys(*(torch.randn(1, 2, 7, 4, generator=generator) for _ in range(2)), torch.zeros(7))
    joined = torch.softmax(q @ torch.cat([k, keys.k_r.expand(2, -1, -1, -1)], 2).transpose(-1, -2) / 2, -1) @ torch.cat(
        [v, keys.v_r.expand(2, -1, -1, -1)], 2
    )
    torch.testing.assert_close(Blended(keys, 0.0).attend(q, k, v), joined)
    torch.testing.assert_close(Blended(keys, 1.0).attend(q, k, v), attend(q, k, v, None))
    torch.testing.assert_close(Blended(keys, 0.25).attend(q, k, v), 0.25 * attend(q, k, v, None) + 0.75 * joined)


def test_mutual_attention_to_the_own_tokens_is_self_attention() -> None:
    generator = torch.Generator().manual_seed(0)
    q, k, v = (torch.randn(1, 2, 5, 4, generator=generator) for _ in range(3))
    keys = Mutual(k, v)
    assert torch.equal(keys.attend(q, torch.zeros_like(k), torch.zeros_like(v)), attend(q, k, v, None))
    whole = torch.ones(5, dtype=torch.bool)
    assert torch.equal(MaskedMutual(keys, whole[None], whole).attend(q, k, v), keys.attend(q, k, v))


def test_with_a_mask_subject_looks_at_subject_and_background_at_background() -> None:
    generator = torch.Generator().manual_seed(0)
    q, k, v = (torch.randn(2, 2, 5, 4, generator=generator) for _ in range(3))
    k_r, v_r = (torch.randn(1, 2, 7, 4, generator=generator) for _ in range(2))
    subject = torch.tensor([True, True, False, False, False, False, True])
    inside = torch.tensor([[True, False, False, False, True], [False] * 5])
    mixed = MaskedMutual(Mutual(k_r, v_r), inside, subject).attend(q, k, v)
    for row, token in ((0, 0), (0, 1), (1, 4)):
        kept = subject if inside[row, token] else ~subject
        alone = Mutual(k_r[:, :, kept], v_r[:, :, kept]).attend(q[row : row + 1, :, token : token + 1], k, v)
        torch.testing.assert_close(mixed[row, :, token], alone[0, :, 0])
    nowhere = torch.zeros(7, dtype=torch.bool)
    empty = MaskedMutual(Mutual(k_r, v_r), torch.ones_like(inside), nowhere).attend(q, k, v)
    assert torch.equal(empty, attend(q, k, v, None))  # a reference without subject: as without reference


@pytest.mark.parametrize(
    ("kind", "drawn_by"), [("v_prediction", "unet"), ("v_prediction", "smooth"), ("epsilon", "smooth")]
)
def test_sampling_goes_back_along_the_inverted_path(tiny: UNetBackbone, kind: str, drawn_by: str) -> None:
    """Sampling from the inverted x_T ends in the reference's latents, to 1e-3 of their spread.

    Refinements converge where a model is smooth enough; at predicting noise, a random U-Net is not.
    """
    scheduler = fresh_scheduler(_of_kind(tiny, kind), 10)
    c = tiny.encode_text("a bear").states

    @torch.inference_mode()
    def predict(x: Tensor, t: Tensor, step: int = 0) -> Tensor:
        if drawn_by == "smooth":
            return 0.3 * torch.tanh(x + t / 1000)
        prediction: Tensor = tiny.unet(x, t, c, return_dict=False)[0]
        return prediction

    x_0 = torch.randn(1, 8, 16, 16, generator=torch.Generator().manual_seed(3))
    path = invert(predict, x_0, scheduler, refinements=8)
    assert path.shape == (10, 8, 16, 16)
    reached: list[Tensor] = []
    back = denoise(predict, path[:1], scheduler, generators=None, on_step=lambda step, x: reached.append(x))
    assert float((back - x_0).abs().max()) < 1e-3 * float(x_0.std())
    assert float((reached[4] - path[5:6]).abs().max()) < 1e-3  # and passes through the path on its way


def test_what_cannot_be_inverted_is_refused(tiny: UNetBackbone) -> None:
    x_0 = torch.zeros(1, 8, 16, 16)
    with pytest.raises(ValueError, match="take 2 or more"):
        invert(lambda x, t: x, x_0, fresh_scheduler(_of_kind(tiny, "v_prediction"), 1), refinements=1)
    with pytest.raises(ValueError, match="'sample' cannot be inverted"):
        invert(lambda x, t: x, x_0, fresh_scheduler(_of_kind(tiny, "sample"), 4), refinements=1)


def _of_kind(backbone: UNetBackbone, kind: str) -> object:
    changes = {"prediction_type": kind, "rescale_betas_zero_snr": kind == "v_prediction", "set_alpha_to_one": True}
    return type(backbone.scheduler).from_config({**backbone.scheduler.config, **changes})


def _on(reference: Reference, colour: str) -> Reference:
    """The reference's subject on another background."""
    assert reference.mask is not None
    return replace(
        reference,
        image=Image.composite(reference.image, Image.new("RGB", reference.image.size, colour), reference.mask),
    )
