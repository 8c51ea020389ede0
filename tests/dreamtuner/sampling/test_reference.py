"""The reference pass: once for the schedule equals once per step; squares, masks and noise."""

import pytest
import torch
from PIL import Image

from dreamtuner.families.noising import noised
from dreamtuner.families.unet.backbone import UNetBackbone
from dreamtuner.sampling.reference_crop import square
from dreamtuner.sampling.reference_pass import (
    ReferenceFeatures,
    Row,
    encode_reference,
    foreground_tokens,
    reference_digest,
)

GRIDS = [(16, 16), (8, 8), (4, 4)]
ROWS = [Row(step, t) for step, t in ((0, 999), (0, 989), (1, 400), (1, 430), (2, 0))]


@torch.no_grad()
def encode(
    tiny: UNetBackbone, rows: list[Row], *, chunk: int = 32, w_ref: float = 3.0, last: str | None = None
) -> ReferenceFeatures:
    x_0 = torch.randn(8, 16, 16, generator=torch.Generator().manual_seed(1))
    m_r = torch.zeros(64, 64)
    m_r[10:50, 20:44] = 1
    denoiser = tiny.denoiser()
    with denoiser.attach_self_subject() as ssa:
        return encode_reference(
            ssa,
            lambda x, t, c: denoiser.predict(x, t, c, {}),
            denoiser.noised,
            x_0,
            tiny.encode_text("a photo of a bear"),
            foreground_tokens(m_r, GRIDS),
            rows,
            w_ref=w_ref,
            digest="d",
            chunk=chunk,
            last=last,
        )


@pytest.mark.parametrize("chunk", [1, 2, 32])
def test_one_pass_for_all_steps_equals_a_pass_at_every_step(tiny: UNetBackbone, chunk: int) -> None:
    amortised = encode(tiny, ROWS, chunk=chunk)
    for row in ROWS:
        alone = encode(tiny, [row]).at(row)
        for name, keys in amortised.at(row).items():
            torch.testing.assert_close(keys.k_r, alone[name].k_r, rtol=1e-5, atol=1e-5)
            torch.testing.assert_close(keys.v_r, alone[name].v_r, rtol=1e-5, atol=1e-5)
            assert torch.equal(keys.log_m, alone[name].log_m)


@pytest.mark.parametrize("chunk", [1, 7])
def test_pieces_of_a_pass_differ_in_the_last_bits_at_most(tiny: UNetBackbone, chunk: int) -> None:
    rows = [Row(step, 999.0 - 30 * step) for step in range(33)]
    whole, pieces = encode(tiny, rows), encode(tiny, rows, chunk=chunk)
    assert whole.rows == pieces.rows
    for name, (k, v, log_m) in whole.layers.items():
        torch.testing.assert_close(pieces.layers[name][0], k, rtol=1e-5, atol=1e-5)
        torch.testing.assert_close(pieces.layers[name][1], v, rtol=1e-5, atol=1e-5)
        assert torch.equal(pieces.layers[name][2], log_m)


def test_a_pass_ends_at_its_last_layer_with_the_same_bits(tiny: UNetBackbone) -> None:
    reached: list[str] = []
    names = tiny.denoiser().self_attention
    watched = [(name, tiny.unet.get_submodule(name)) for name in [*names, "conv_out"]]
    hooks = [part.register_forward_hook(lambda *_, name=name: reached.append(name)) for name, part in watched]
    try:
        whole = encode(tiny, ROWS)
        assert reached == [*names, "conv_out"]
        reached.clear()
        ended = encode(tiny, ROWS, last=names[-1])
        assert reached == [*names[:-1]]
    finally:
        for hook in hooks:
            hook.remove()
    assert list(ended.layers) == list(whole.layers)
    for name, tensors in whole.layers.items():
        assert all(torch.equal(a, b) for a, b in zip(ended.layers[name], tensors, strict=True))


def test_features_know_what_was_asked_for_and_nothing_else(tiny: UNetBackbone) -> None:
    features = encode(tiny, [*ROWS, *ROWS])
    assert set(features.rows) == set(ROWS)
    assert all(len(k) == len(ROWS) for k, _, _ in features.layers.values())
    with pytest.raises(KeyError):
        features.at(Row(7, 7))


def test_both_branches_of_a_step_share_their_noise() -> None:
    abar = torch.linspace(0.999, 0.0, 1000)
    x_0, noise = torch.randn(2, 8, 4, 4, generator=torch.Generator().manual_seed(0))
    assert torch.allclose(noised(x_0, noise, 999, abar), noise)  # zero terminal SNR: nothing of the picture is left
    assert torch.allclose(noised(x_0, noise, 300, abar), abar[300].sqrt() * x_0 + (1 - abar[300]).sqrt() * noise)
    between = noised(x_0, noise, 300.5, abar)
    low, high = noised(x_0, noise, 300, abar), noised(x_0, noise, 301, abar)
    assert float((between - (low + high) / 2).abs().max()) < 1e-4


def test_tokens_are_subject_by_half_their_area_and_a_thin_subject_is_never_lost(tiny: UNetBackbone) -> None:
    m_r = torch.zeros(64, 64)
    m_r[:, :34] = 1  # 8.5 of 16 columns: the ninth is covered by half
    tokens = foreground_tokens(m_r, GRIDS)
    assert [len(tokens[n]) for n in (256, 64, 16)] == [9 * 16, 4 * 8, 2 * 4]
    thin = torch.zeros(64, 64)
    thin[20:23, 30] = 1
    assert all(len(kept) >= 1 for kept in foreground_tokens(thin, GRIDS).values())
    assert {
        n: len(kept)
        for n, kept in foreground_tokens(torch.ones(64, 64), tiny.denoiser().token_grids((15, 9)).values()).items()
    } == {
        135: 135,
        40: 40,
        12: 12,
    }
    with pytest.raises(ValueError, match="mask is empty"):
        foreground_tokens(torch.zeros(64, 64), GRIDS)


@pytest.mark.parametrize("size", [(64, 64), (300, 100), (100, 300), (37, 41)])
@pytest.mark.parametrize("corner", [(0.0, 0.0), (0.7, 0.7), (0.3, 0.1)])
def test_the_square_holds_the_whole_subject(size: tuple[int, int], corner: tuple[float, float]) -> None:
    image, mask = Image.new("RGB", size, "green"), Image.new("L", size, 0)
    box = (
        int(corner[0] * size[0]),
        int(corner[1] * size[1]),
        int(corner[0] * size[0]) + 10,
        int(corner[1] * size[1]) + 10,
    )
    image.paste("red", box)
    mask.paste(255, box)
    picture, cover = square(image, mask, 64)
    assert picture.size == cover.size == (64, 64)
    covered = sum(cover.tobytes()) / 255 / (64 / min(size)) ** 2
    assert covered == pytest.approx(100, rel=0.15)  # edges fall between pixels
    assert picture.getpixel((cover.getbbox()[0] + 2, cover.getbbox()[1] + 2))[0] > 150


def test_a_subject_longer_than_the_square_grows_it_with_white() -> None:
    image, mask = Image.new("RGB", (128, 32), "red"), Image.new("L", (128, 32), 255)
    picture, cover = square(image, mask, 64)
    assert picture.getpixel((5, 5)) == (255, 255, 255)
    assert cover.getbbox() == (0, 24, 64, 40)


def test_mask_of_another_size_is_refused() -> None:
    with pytest.raises(ValueError, match="give them one size"):
        square(Image.new("RGB", (10, 10)), Image.new("L", (9, 10)), 64)


def test_digest_is_the_pixels() -> None:
    image = Image.new("RGB", (4, 2), "red")
    assert reference_digest(image) == reference_digest(image.copy())
    assert reference_digest(image) != reference_digest(Image.new("RGB", (2, 4), "red"))
    assert reference_digest(image) != reference_digest(Image.new("RGB", (4, 2), "blue"))
