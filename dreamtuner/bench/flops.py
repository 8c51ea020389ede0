"""Counted FLOPs of a grid of cells of one subject, at SD 1.5's shapes on the meta device: exact, and no weights.

Counted is what the code itself calls in the U-Net and in S-E-A, the matrix products of attention within. Left out are
text encoder and VAE, which the plain model needs as well, and what makes the subject tokens, once a subject.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import torch
from torch.utils.flop_counter import FlopCounterMode

from dreamtuner.bench.naive import naive_predict
from dreamtuner.bench.shapes import LATENT, TEXT, even_plan, sd15_denoiser, sd15_encoder, sd15_subject, sd15_unet
from dreamtuner.families.text_states import TextStates
from dreamtuner.families.unet.subject_encoder import SubjectEncoder
from dreamtuner.sampling.guidance import Pair
from dreamtuner.sampling.model import guided
from dreamtuner.sampling.subject import Subject
from dreamtuner.settings.sampling import Sampling

BETA = 0.2


@dataclass(frozen=True)
class Flops:
    """FLOPs of `cells` pictures of `steps` steps, `share` of the reference's tokens subject."""

    cells: int
    steps: int
    share: float
    plain: int
    ours: int
    ours_sea: int
    naive: int

    def over_plain(self, flops: int) -> float:
        """How many times plain classifier-free guidance."""
        return flops / self.plain


@torch.inference_mode()
def count_flops(cells: int = 64, steps: int = 30, share: float = 0.4) -> Flops:
    """Plain guidance, S-S-A, S-S-A with S-E-A, and the reference recomputed whole for every picture at every step.

    All rows of a step cost the same, and so do steps of one kind: each is counted once and multiplied.
    """
    unet = sd15_unet("meta")
    encoder = sd15_encoder(unet, "meta")
    s = Sampling(steps=steps, resolution=512)
    plan, plain = even_plan(steps, s), even_plan(steps, s, reference=False)
    return Flops(
        cells,
        steps,
        share,
        plain=_ours(unet, None, [], plain, cells),
        ours=_ours(unet, None, [sd15_subject(share, unet, None)], plan, cells),
        ours_sea=_ours(unet, encoder, [sd15_subject(share, unet, encoder)], plan, cells),
        naive=_naive(unet, sd15_subject(1.0, unet, None), plan, cells),
    )


def _ours(unet: Any, encoder: SubjectEncoder | None, subjects: Sequence[Subject], plan: list[Pair], cells: int) -> int:
    s = Sampling()
    with guided(sd15_denoiser(unet, encoder), subjects, plan, w_ref=s.w_ref, beta=BETA) as model:

        def step(i: int) -> int:
            text, x, t = _inputs(unet, cells)
            return _counted(lambda: model.predict(text, {}, x, t, i))

        if not subjects:
            return _by_kind(plan, step)
        first = step(0)  # the reference pass is in it
        return first + _by_kind(plan[1:], lambda i: step(i + 1))


def _naive(unet: Any, subject: Subject, plan: list[Pair], cells: int) -> int:
    text, x, t = _inputs(unet, 1)
    with naive_predict(sd15_denoiser(unet, None), subject, plan, w_ref=Sampling().w_ref) as predict:
        return cells * _by_kind(plan, lambda i: _counted(lambda: predict(text)(x, t, i)))


def _inputs(unet: Any, cells: int) -> Any:
    text = {side: TextStates(torch.empty(cells, *TEXT, device=unet.device)) for side in ("c", "uc")}
    return text, torch.empty(cells, *LATENT, device=unet.device), torch.tensor(500)


def _by_kind(plan: Sequence[Pair], count: Callable[[int], int]) -> int:
    """The sum over a plan; of steps whose branches see the same, one is counted."""
    seen: dict[tuple[bool, ...], int] = {}
    total = 0
    for i, pair in enumerate(plan):
        kind = tuple(branch.x_r is None for branch in pair.branches)
        if kind not in seen:
            seen[kind] = count(i)
        total += seen[kind]
    return total


def _counted(run: Callable[[], object]) -> int:
    with FlopCounterMode(display=False) as counter:
        run()
    return int(counter.get_total_flops())
