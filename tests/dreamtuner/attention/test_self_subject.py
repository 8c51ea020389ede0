"""Eq. 2-3: the fast form is the formula in float64, and absence is the plain model to the last bit."""

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor

from dreamtuner.attention.self_subject import attend, concatenate, self_subject_attention, subject_keys


def draw(seed: int, pictures: int, heads: int, tokens: int, channels: int) -> Tensor:
    return torch.randn(
        pictures, heads, tokens, channels, dtype=torch.float64, generator=torch.Generator().manual_seed(seed)
    )


def weights(seed: int, tokens: int, kind: str) -> Tensor:
    share = torch.rand(tokens, dtype=torch.float64, generator=torch.Generator().manual_seed(seed))
    return {"empty": 0 * share, "full": 0 * share + 1, "binary": (share > 0.6).double(), "soft": share}[kind]


SHAPES = [(1, 1, 1, 1, 1), (2, 3, 16, 16, 8), (4, 1, 64, 9, 40), (3, 2, 7, 50, 65)]


@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize("mask", ["empty", "full", "binary", "soft"])
@pytest.mark.parametrize("w_ref", [0.0, 1.0, 2.5, 3.0, 30.0])
def test_fast_form_is_the_formula(shape: tuple[int, ...], mask: str, w_ref: float) -> None:
    pictures, heads, tokens, reference, channels = shape
    q, k, v = (draw(seed, pictures, heads, tokens, channels) for seed in range(3))
    k_r, v_r = (draw(seed, 1, heads, reference, channels) for seed in (3, 4))
    m_r = weights(5, reference, mask)
    fast = attend(q, k, v, subject_keys(k_r, v_r, m_r, w_ref))
    exact = self_subject_attention(q, k, v, k_r, v_r, m_r, w_ref)
    torch.testing.assert_close(fast, exact, rtol=0, atol=1e-12)


def test_formula_is_the_paper_written_out_for_one_query() -> None:
    q, k, v, k_r, v_r = (draw(seed, 1, 1, n, 2)[0, 0] for seed, n in enumerate((1, 2, 2, 2, 2)))
    m = torch.tensor([1, 1, 3.0 * 1, 3.0 * 0], dtype=torch.float64)
    e = m * torch.exp(torch.cat([k, k_r]) @ q[0] / 2**0.5)
    expected = (e / e.sum()) @ torch.cat([v, v_r])
    got = self_subject_attention(*(x[None, None] for x in (q, k, v, k_r, v_r)), m[2:] / 3, 3.0)
    torch.testing.assert_close(got[0, 0, 0], expected, rtol=0, atol=1e-14)


@pytest.mark.parametrize(("mask", "w_ref"), [("empty", 3.0), ("binary", 0.0)])
def test_nothing_to_see_is_plain_attention_to_the_last_bit(mask: str, w_ref: float) -> None:
    q, k, v = (draw(seed, 2, 2, 16, 8).float() for seed in range(3))
    subject = subject_keys(draw(3, 1, 2, 9, 8).float(), draw(4, 1, 2, 9, 8).float(), weights(5, 9, mask).float(), w_ref)
    assert subject is None
    assert torch.equal(attend(q, k, v, subject), F.scaled_dot_product_attention(q, k, v))


def test_several_references_concatenate() -> None:
    q, k, v = (draw(seed, 2, 2, 16, 8) for seed in range(3))
    references = [
        (draw(10 + i, 1, 2, n, 8), draw(20 + i, 1, 2, n, 8), weights(i, n, "binary")) for i, n in enumerate((9, 4, 25))
    ]
    joined = concatenate([subject_keys(*r, 3.0) for r in references] + [None])
    k_r, v_r = (torch.cat([r[i] for r in references], dim=2) for i in (0, 1))
    exact = self_subject_attention(q, k, v, k_r, v_r, torch.cat([r[2] for r in references]), 3.0)
    torch.testing.assert_close(attend(q, k, v, joined), exact, rtol=0, atol=1e-12)
    assert concatenate([None, None]) is None
    assert concatenate([]) is None


def test_weight_of_an_integer_is_that_many_copies() -> None:
    q, k, v, k_r, v_r = (draw(seed, 2, 1, 6, 4) for seed in range(5))
    ones = torch.ones(6, dtype=torch.float64)
    thrice = concatenate([subject_keys(k_r[:1], v_r[:1], ones, 1.0)] * 3)
    once = subject_keys(k_r[:1], v_r[:1], ones, 3.0)
    torch.testing.assert_close(attend(q, k, v, once), attend(q, k, v, thrice), rtol=0, atol=1e-12)


def test_background_that_is_not_a_number_is_never_seen() -> None:
    q, k, v, k_r, v_r = (draw(seed, 1, 2, 6, 4) for seed in range(5))
    m_r = torch.tensor([1, 1, 1, 0, 0, 0], dtype=torch.float64)
    clean = self_subject_attention(q, k, v, k_r, v_r, m_r, 3.0)
    k_r[:, :, 3:], v_r[:, :, 3:] = torch.nan, torch.inf
    torch.testing.assert_close(attend(q, k, v, subject_keys(k_r, v_r, m_r, 3.0)), clean, rtol=0, atol=1e-12)
    torch.testing.assert_close(self_subject_attention(q, k, v, k_r, v_r, m_r, 3.0), clean, rtol=0, atol=1e-12)


def test_large_scores_stay_finite() -> None:
    q, k, v, k_r, v_r = (1e4 * draw(seed, 1, 1, 6, 4).float() for seed in range(5))
    subject = subject_keys(k_r, v_r, torch.ones(6), 100.0)
    assert attend(q, k, v, subject).isfinite().all()
