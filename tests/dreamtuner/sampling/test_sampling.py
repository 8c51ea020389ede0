"""The loop: seeded draws that hang on nothing else, fresh schedulers, any diffusers scheduler."""

import pytest
import torch
from diffusers import (
    DDIMScheduler,
    DPMSolverMultistepScheduler,
    EulerAncestralDiscreteScheduler,
    EulerDiscreteScheduler,
    HeunDiscreteScheduler,
    PNDMScheduler,
)
from torch import Tensor

from dreamtuner.sampling.loop import cell_noise, denoise, fresh_scheduler, seeded, step_lambda

SCHEDULERS = [
    DDIMScheduler,
    DPMSolverMultistepScheduler,
    EulerAncestralDiscreteScheduler,
    EulerDiscreteScheduler,
    HeunDiscreteScheduler,
    PNDMScheduler,
]


def generators(*seeds: int) -> list[torch.Generator]:
    return [torch.Generator().manual_seed(seed) for seed in seeds]


def test_draws_hang_on_their_parts_alone_and_leave_the_global_generator_be() -> None:
    before = torch.get_rng_state()
    first = [step_lambda("abc", step) for step in range(50)]
    assert [step_lambda("abc", step) for step in reversed(range(50))] == first[::-1]
    assert first != [step_lambda("abd", step) for step in range(50)]
    assert len(set(first)) == 50
    assert all(0 <= lam < 1 for lam in first)
    assert seeded("a", "noise", 1).initial_seed() != seeded("a", "lambda", 1).initial_seed()
    assert torch.equal(torch.get_rng_state(), before)


def test_lambda_is_uniform() -> None:
    draws = torch.tensor([step_lambda("subject", step) for step in range(2000)])
    assert abs(float((draws <= 0.9).float().mean()) - 0.9) < 0.03


def test_a_cells_noise_is_its_seeds_alone() -> None:
    grid = cell_noise(generators(1, 2, 3), (8, 4, 4))
    assert grid.shape == (3, 8, 4, 4)
    assert torch.equal(grid[1:2], cell_noise(generators(2), (8, 4, 4)))


@pytest.mark.filterwarnings("ignore:__array__ implementation:DeprecationWarning")  # inside diffusers
@pytest.mark.parametrize("kind", SCHEDULERS)
def test_any_scheduler_steps_down_and_keeps_no_state_between_loops(kind: type) -> None:
    template = kind(beta_schedule="scaled_linear", beta_start=0.00085, beta_end=0.012)
    before = {name: value for name, value in vars(template).items() if not isinstance(value, Tensor)}

    def predict(x: Tensor, t: Tensor, step: int) -> Tensor:
        return 0.1 * x

    def run(*seeds: int) -> Tensor:
        scheduler = fresh_scheduler(template, 6)
        noise = generators(*seeds)
        return denoise(predict, cell_noise(noise, (4, 8, 8)) * scheduler.init_noise_sigma, scheduler, generators=noise)

    assert torch.equal(run(1, 2), run(1, 2))
    torch.testing.assert_close(run(1, 2)[1:], run(2), rtol=1e-6, atol=1e-6)
    assert {name: value for name, value in vars(template).items() if not isinstance(value, Tensor)} == before


def test_steps_are_reported_in_order_and_what_is_returned_goes_on() -> None:
    seen: list[int] = []

    def on_step(step: int, x: Tensor) -> Tensor | None:
        seen.append(step)
        return torch.ones_like(x) if step == 3 else None

    scheduler = fresh_scheduler(DDIMScheduler(), 4)
    x = denoise(lambda x, t, step: x, torch.zeros(1, 1, 2, 2), scheduler, generators=None, on_step=on_step)
    assert seen == [0, 1, 2, 3]
    assert torch.equal(x, torch.ones_like(x))


def test_the_loop_ends_where_it_is_stopped() -> None:
    seen: list[int] = []
    scheduler = fresh_scheduler(DDIMScheduler(), 4)
    denoise(
        lambda x, t, step: x,
        torch.zeros(1, 1, 2, 2),
        scheduler,
        generators=generators(0),
        on_step=lambda step, x: seen.append(step),
        stopped=lambda: len(seen) == 2,
    )
    assert seen == [0, 1]
