"""AdamW with both moments in bfloat16: half the state of AdamW, in memory and on disk."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any

import torch
from torch import Tensor, nn
from torch.optim import Optimizer
from torch.optim.adamw import adamw

from dreamtuner.train.divided_tensor import local

AT_ONCE = 2**22
"""Numbers whose moments are in float32 at a time, while they are updated."""


class AdamW16bit(Optimizer):
    """AdamW (Loshchilov & Hutter 2019), computed in float32, whose moments are held in bfloat16 between steps.

    The first moment is rounded to the nearest number. The second changes by 1 - beta2 of its size in a step, which
    is less than bfloat16 resolves and would be lost, so it is rounded up or down by chance, in proportion to what
    lies below (stochastic rounding). Chance is seeded by step and place: a resumed training equals the unbroken one.
    """

    def __init__(
        self,
        params: Iterable[Any],
        lr: float,
        betas: tuple[float, float] = (0.9, 0.999),
        weight_decay: float = 0.0,
        eps: float = 1e-8,
    ) -> None:
        super().__init__(params, {"lr": lr, "betas": betas, "weight_decay": weight_decay, "eps": eps})

    @torch.no_grad()
    def step(self, closure: None = None) -> None:  # type: ignore[override]
        """Update all parameters that have a gradient."""
        for place, group in enumerate(self.param_groups):
            parameters = [p for p in group["params"] if p.grad is not None]
            for p in parameters:
                self._count(p)
            for number, part in enumerate(_parts(parameters)):
                self._update(part, group, place * 100_003 + number)

    def _count(self, p: nn.Parameter) -> None:
        """Note one more step of a parameter, even if this process holds no part of it: states are saved alike."""
        if not self.state[p]:
            moments = {name: torch.zeros_like(p, dtype=torch.bfloat16) for name in ("exp_avg", "exp_avg_sq")}
            self.state[p].update(step=0, **moments)
        self.state[p]["step"] += 1

    def _update(self, parameters: list[nn.Parameter], group: dict[str, Any], place: int) -> None:
        step = self.state[parameters[0]]["step"]
        held = [[local(self.state[p][name]) for p in parameters] for name in ("exp_avg", "exp_avg_sq")]
        first, second = ([one.float() for one in moments] for moments in held)
        weights = [local(p) for p in parameters]
        adamw(
            weights,
            [local(p.grad) for p in parameters],
            first,
            second,
            [],
            list(torch.full((len(weights),), step - 1.0, device=weights[0].device).unbind()),
            fused=True,
            amsgrad=False,
            maximize=False,
            lr=group["lr"],
            beta1=group["betas"][0],
            beta2=group["betas"][1],
            weight_decay=group["weight_decay"],
            eps=group["eps"],
        )
        chance = torch.Generator(weights[0].device).manual_seed(step * 1_000_000_007 + place)
        torch._foreach_copy_(held[0], first)
        torch._foreach_copy_(held[1], [_rounded(one, chance) for one in second])


def _rounded(values: Tensor, chance: torch.Generator) -> Tensor:
    """Round float32 in place to numbers of bfloat16, up or down by chance: the mean is the value that it was."""
    below = torch.empty_like(values, dtype=torch.int32).random_(0, 1 << 16, generator=chance)
    values.view(torch.int32).add_(below).bitwise_and_(-1 << 16)
    return values


def _parts(parameters: Iterable[nn.Parameter]) -> Iterator[list[nn.Parameter]]:
    """Divide parameters, in their order; those of which this process holds nothing are left out."""
    part: list[nn.Parameter] = []
    size = 0
    for p in parameters:
        numbers = local(p).numel()
        if part and size + numbers > AT_ONCE:
            yield part
            part, size = [], 0
        if numbers:
            part.append(p)
            size += numbers
    if part:
        yield part
