"""The denoising loss: zero at the truth, one loss for noise and velocity, weights that only shift attention."""

import pytest
import torch
from diffusers import DDIMScheduler
from torch import Tensor

from dreamtuner.train.diffusion import diffusion_loss


def _scheduler(kind: str) -> DDIMScheduler:
    return DDIMScheduler(prediction_type=kind, beta_schedule="scaled_linear", beta_start=0.00085, beta_end=0.012)


def _loss(kind: str, x0: Tensor, guess: Tensor, **options: object) -> Tensor:
    """The loss of a model that takes every picture for ``guess``, said as the scheduler's kind of prediction."""
    scheduler = _scheduler(kind)

    def predict(x_t: Tensor, t: Tensor) -> Tensor:
        a = scheduler.alphas_cumprod[t].view(-1, 1, 1, 1)
        noise = (x_t - a.sqrt() * guess) / (1 - a).sqrt()
        return noise if kind == "epsilon" else a.sqrt() * noise - (1 - a).sqrt() * guess

    return diffusion_loss(predict, x0, scheduler, torch.Generator().manual_seed(4), **options)[0]


@pytest.mark.parametrize("kind", ["epsilon", "v_prediction"])
def test_who_knows_the_picture_loses_nothing(kind: str):
    x0 = torch.randn(8, 4, 6, 6)
    assert float(_loss(kind, x0, x0)) < 1e-6


def test_noise_and_velocity_are_weighed_alike():
    x0, guess = torch.randn(16, 4, 6, 6), torch.randn(16, 4, 6, 6)
    torch.testing.assert_close(_loss("epsilon", x0, guess), _loss("v_prediction", x0, guess), rtol=1e-3, atol=1e-6)


def test_the_floor_counts_at_high_noise_only():
    x0, guess = torch.randn(64, 4, 6, 6), torch.randn(64, 4, 6, 6)
    plain, floored = _loss("v_prediction", x0, guess), _loss("v_prediction", x0, guess, floor=0.8)
    assert float(floored) > float(plain) * 1.05
    # above an SNR of 5 a wrong picture costs 5 times its error, whatever the floor
    assert float(_loss("v_prediction", x0, guess, floor=1.0)) < 5 * float((x0 - guess).square().mean())


def test_emphasis_moves_the_loss_to_its_places_and_its_scale_is_free():
    x0 = torch.randn(8, 4, 6, 6)
    guess = x0.clone()
    guess[..., :3] += 1  # wrong in the left half alone
    left, right = torch.ones(8, 1, 6, 6), torch.ones(8, 1, 6, 6)
    left[..., :3], right[..., 3:] = 3.0, 3.0
    losses = [float(_loss("v_prediction", x0, guess, emphasis=e)) for e in (left, left * 7, right)]
    assert losses[0] == pytest.approx(losses[1], rel=1e-5)
    assert losses[0] == pytest.approx(3 * losses[2], rel=1e-5)


@pytest.mark.parametrize("kind", ["epsilon", "v_prediction"])
def test_places_that_lead_are_as_noisy_as_earlier_steps(kind: str):
    """Who knows the picture, and by how much its left half leads, tells the noise of both halves."""
    scheduler, x0 = _scheduler(kind), torch.randn(8, 4, 6, 6)
    lead = torch.zeros(8, 1, 6, 6, dtype=torch.long)
    lead[..., :3] = 300
    seen: list[tuple[Tensor, Tensor]] = []

    def predict(x_t: Tensor, t: Tensor) -> Tensor:
        a = scheduler.alphas_cumprod[(t.view(-1, 1, 1, 1) - lead).clamp_min(0)]
        noise = (x_t - a.sqrt() * x0) / (1 - a).sqrt()
        seen.append((noise, t))
        return noise if kind == "epsilon" else a.sqrt() * noise - (1 - a).sqrt() * x0

    loss, _ = diffusion_loss(predict, x0, scheduler, torch.Generator().manual_seed(4), lead=lead)
    assert float(loss) < 1e-6
    ((noise, t),) = seen
    assert float(noise[..., :3].std()) == pytest.approx(1.0, abs=0.1)
    assert float(noise[..., 3:].std()) == pytest.approx(1.0, abs=0.1)
    assert int(t.max()) > 800  # the model is told the level of the places that do not lead


def test_another_prediction_is_refused():
    with pytest.raises(ValueError, match="prediction_type 'sample' cannot be trained"):
        _loss("sample", torch.zeros(1, 4, 6, 6), torch.zeros(1, 4, 6, 6))


def test_rows_are_weighted_and_without_gamma_all_noise_levels_count_alike() -> None:
    scheduler = _scheduler("epsilon")
    x0 = torch.randn(4, 2, 4, 4)

    def loss(**given: object) -> tuple[float, float]:
        found, plain = diffusion_loss(
            lambda x, t: torch.zeros_like(x), x0, scheduler, torch.Generator().manual_seed(0), **given
        )
        return float(found), plain

    whole, plain = loss(gamma=None)
    assert whole == pytest.approx(plain)
    parts = [loss(gamma=None, row_weights=torch.eye(4)[i])[0] for i in range(4)]
    assert sum(parts) == pytest.approx(whole)
    assert loss(gamma=5.0) == loss()
    assert loss(gamma=0.5)[0] < loss()[0] < whole
