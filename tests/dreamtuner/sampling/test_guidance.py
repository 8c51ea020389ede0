"""Eq. 4-6: which conditions a step compares, at which noise, and with what weights."""

import pytest
import torch

from dreamtuner.sampling.guidance import Branch, Pair, interleaved, reference_guidance, text_guidance
from dreamtuner.settings.sampling import Sampling

S = Sampling(w_r=3.0, w_c=5.0, p_r=0.9, dt=20, dt_prime=30)


def test_equation_4_compares_with_and_without_the_reference_under_the_wanted_text() -> None:
    assert reference_guidance(500, S) == Pair(3.0, Branch("c", 480), Branch("c", None))


def test_equation_5_compares_wanted_text_beside_a_cleaner_and_undesired_beside_a_noisier_reference() -> None:
    assert text_guidance(500, S, t_max=999, reference=True) == Pair(5.0, Branch("c", 480), Branch("uc", 530))


def test_offsets_stop_at_the_ends_of_the_chain() -> None:
    assert reference_guidance(5, S).wanted.x_r == 0
    assert text_guidance(990, S, t_max=999, reference=True).other.x_r == 999


def test_without_a_reference_every_step_is_plain_text_guidance() -> None:
    for lam in (0.0, 0.5, 0.95):
        pair = interleaved(lam, 500, S, t_max=999, reference=False)
        assert pair == Pair(5.0, Branch("c", None), Branch("uc", None))


@pytest.mark.parametrize(("p_r", "lam", "equation"), [(0.9, 0.9, 4), (0.9, 0.91, 5), (0, 0, 5), (1, 0.9999999, 4)])
def test_equation_6_and_its_ends(p_r: float, lam: float, equation: int) -> None:
    s = S.model_copy(update={"p_r": p_r})
    pair = interleaved(lam, 500, s, t_max=999, reference=True)
    assert pair == (reference_guidance(500, s) if equation == 4 else text_guidance(500, s, t_max=999, reference=True))


@pytest.mark.parametrize("w", [0.5, 1.5, 7.5])
def test_combination_is_the_equation_in_float64(w: float) -> None:
    other, wanted = torch.randn(2, 3, 8, 4, 4, dtype=torch.float64, generator=torch.Generator().manual_seed(0))
    pair = Pair(w, Branch("c", 1), Branch("c", None))
    torch.testing.assert_close(pair.combine([other, wanted]), w * wanted - (w - 1) * other, rtol=0, atol=1e-12)


def test_a_branch_of_weight_zero_is_not_asked_for() -> None:
    wanted, other = Branch("c", 1), Branch("uc", 2)
    assert Pair(1.0, wanted, other).branches == (wanted,)
    assert Pair(0.0, wanted, other).branches == (other,)
    eps = torch.ones(1)
    assert Pair(1.0, wanted, other).combine([eps]) is eps
    with pytest.raises(ValueError, match="takes 2 predictions"):
        Pair(2.0, wanted, other).combine([eps])


def test_guidance_in_v_is_guidance_in_eps() -> None:
    """The docstring's claim: the weights sum to 1, so the affine map from v to eps at one x_t commutes with them."""
    x_t, v_1, v_2 = torch.randn(3, 8, dtype=torch.float64, generator=torch.Generator().manual_seed(0))
    a, b = 0.6, 0.8
    pair = Pair(4.0, Branch("c", 1), Branch("uc", 1))
    in_eps = pair.combine([a * v_1 + b * x_t, a * v_2 + b * x_t])
    torch.testing.assert_close(in_eps, a * pair.combine([v_1, v_2]) + b * x_t)


def test_a_negative_prompt_takes_the_place_of_the_prompt_in_equation_4_where_it_acts_in_all_steps() -> None:
    everywhere = S.model_copy(update={"negative_in": "all"})
    assert reference_guidance(500, everywhere, negative=True) == Pair(3.0, Branch("c", 480), Branch("uc", None))
    for s, negative in ((everywhere, False), (S, True)):
        assert reference_guidance(500, s, negative=negative) == reference_guidance(500, S)
    assert interleaved(0.5, 500, everywhere, t_max=999, reference=True, negative=True).other.text == "uc"
    for lam, reference in ((0.95, True), (0.5, False)):  # Eq. 5 is what it was
        pair = interleaved(lam, 500, everywhere, t_max=999, reference=reference, negative=True)
        assert pair == interleaved(lam, 500, S, t_max=999, reference=reference)
        assert not pair.by_reference


def test_which_equation_a_pair_is_does_not_depend_on_its_text() -> None:
    assert reference_guidance(500, S).by_reference
    assert reference_guidance(500, S.model_copy(update={"negative_in": "all"}), negative=True).by_reference
