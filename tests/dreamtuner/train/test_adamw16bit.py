"""AdamW with moments in bfloat16: it goes where AdamW goes, and holds half of what that holds."""

import pytest
import torch
from torch import nn
from torch.optim import Optimizer

import dreamtuner.train.adamw16bit
from dreamtuner.train.optimizers import moments_of, optimizer_of
from dreamtuner.train.settings import LoopSettings

BETAS = (0.9, 0.999)


def _optimizers(shape: tuple[int, ...], *, wanted: str = "adamw16bit") -> tuple[nn.Parameter, Optimizer]:
    p = nn.Parameter(torch.zeros(shape))
    return p, optimizer_of(LoopSettings(steps=1, lr=0.01, betas=BETAS, optimizer=wanted), [{"params": [p]}])  # type: ignore[arg-type]


def _after(steps: int, wanted: str) -> tuple[torch.Tensor, dict[str, torch.Tensor]]:
    p, optimizer = _optimizers((64, 32), wanted=wanted)
    generator = torch.Generator().manual_seed(1)
    for step in range(steps):
        # gradients of a tenth of the size after the first steps: the second moment has to fall a hundredfold
        size = 1.0 if step < 20 else 0.1
        p.grad = size * torch.randn(p.shape, generator=generator) + 0.05 * size
        optimizer.step()
    return p.detach(), moments_of(optimizer, p)


def test_it_goes_where_adamw_goes_though_a_step_changes_less_than_its_moments_resolve():
    (weights, moments), (others, wanted) = (_after(1000, name) for name in ("adamw16bit", "adamw"))
    assert {one.dtype for one in moments.values()} == {torch.bfloat16}
    assert 2 * sum(one.nbytes for one in moments.values()) == sum(one.nbytes for one in wanted.values())
    ratio = moments["v"].float() / wanted["v"]
    assert ratio.mean().item() == pytest.approx(1, abs=0.01)
    assert ratio.std() < 0.1
    assert torch.nn.functional.cosine_similarity(weights.flatten(), others.flatten(), 0) > 0.999


def test_rounding_to_the_nearest_number_would_not_do(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(dreamtuner.train.adamw16bit, "_rounded", lambda values, chance: values)
    (_, moments), (_, wanted) = (_after(1000, name) for name in ("adamw16bit", "adamw"))
    assert (moments["v"].float() / wanted["v"]).mean() > 1.3


def test_many_parameters_are_updated_part_by_part(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(dreamtuner.train.adamw16bit, "AT_ONCE", 100)
    parameters = [nn.Parameter(torch.ones(n, 10)) for n in (3, 30, 5, 1)]
    frozen = nn.Parameter(torch.ones(3))
    optimizer = dreamtuner.train.adamw16bit.AdamW16bit([*parameters, frozen], lr=0.1, weight_decay=0.5)
    for p in parameters:
        p.grad = torch.full_like(p, 2.0)
    optimizer.step()
    for p in parameters:
        torch.testing.assert_close(p.detach(), torch.full_like(p, 1 - 0.1 * 0.5 - 0.1))
    assert torch.equal(frozen, torch.ones(3))
    assert moments_of(optimizer, frozen) == {}
