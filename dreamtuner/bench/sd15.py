"""Time on a CPU at Stable Diffusion 1.5's shapes: steps and the reference pass, measured apart, against stock guidance.

Random weights of 860 M parameters in bfloat16; text encoder and VAE are left out on both sides. A whole grid would take
hours on a CPU, so its time is composed of that of its parts.
"""

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from typing import Any

import torch
from torch import Tensor

from dreamtuner.bench.naive import naive_predict
from dreamtuner.bench.shapes import LATENT, TEXT, even_plan, sd15_denoiser, sd15_subject, sd15_unet
from dreamtuner.bench.timing import Timing, interleaved_timings
from dreamtuner.families.denoiser import Denoiser
from dreamtuner.families.inference_memory import MAX_POSITIONS
from dreamtuner.families.text_states import TextStates
from dreamtuner.sampling.guidance import Pair
from dreamtuner.sampling.model import guided
from dreamtuner.sampling.reference_pass import Row, encode_reference
from dreamtuner.sampling.subject import Subject
from dreamtuner.settings.sampling import Sampling

STOCK, EQ_4, EQ_5, NAIVE = "stock guidance", "Eq. 4", "Eq. 5", "naive: the reference in both branches of every step"
GRID, ALONE = 64, 1
"""Cells of the grid and of a batch of its own."""
BATCH = 4
PIECE = MAX_POSITIONS // (LATENT[1] * LATENT[2])
"""Rows of a piece of the reference pass at this size."""


@dataclass(frozen=True)
class StepTiming:
    """Timings of one step by batch size, and of pieces of the reference pass by their rows.

    `plan`: how many of `steps` steps are by Eq. 4 and Eq. 5. `share`: the share of the reference that is subject.
    """

    steps: int
    share: float
    plan: Mapping[str, int]
    batches: Mapping[int, Mapping[str, Timing]]
    pieces: Mapping[int, Timing]

    def stock_seconds(self, cells: int) -> tuple[float, ...]:
        """Return the processor seconds of `cells` cells by stock guidance, one for each repetition."""
        count, stock = self._batches(cells), self.batches[min(cells, BATCH)][STOCK]
        return tuple(count * self.steps * seconds for seconds in stock.cpu)

    def our_seconds(self, cells: int) -> tuple[float, ...]:
        """Return the same of ours: the steps of the plan, and the reference pass once."""
        count, ways = self._batches(cells), self.batches[min(cells, BATCH)]
        each = [[count * self.plan[way] * seconds for seconds in ways[way].cpu] for way in (EQ_4, EQ_5)]
        return tuple(sum(parts) for parts in zip(*each, self.pass_seconds(), strict=True))

    def pass_seconds(self) -> tuple[float, ...]:
        """Return the processor seconds of the whole reference pass: a row at first, to know its size, then pieces."""
        rows = self.plan[EQ_4] + 2 * self.plan[EQ_5]
        first, piece = self.pieces[1].cpu, self.pieces[PIECE].cpu
        return tuple(one + (rows - 1) / PIECE * many for one, many in zip(first, piece, strict=True))

    def _batches(self, cells: int) -> float:
        return cells / min(cells, BATCH)


@torch.inference_mode()
def time_steps(
    repeats: int,
    on_run: Callable[[str, int, float], None],
    *,
    steps: int = 30,
    share: float = 0.4,
    unet: Any = None,
) -> StepTiming:
    """Measure every way `repeats` times, interleaved. It takes about 2 CPU minutes for a repetition, and 3 GB."""
    unet = sd15_unet("cpu", torch.bfloat16) if unet is None else unet
    s = Sampling(steps=steps, resolution=512)
    plan = even_plan(steps, s)
    kinds = {EQ_4: [p for p in plan if p.other.x_r is None], EQ_5: [p for p in plan if p.other.x_r is not None]}
    denoiser, subject = sd15_denoiser(unet, None), sd15_subject(share, unet, None)
    pairs, processors = [kinds[EQ_4][0], kinds[EQ_5][0]], dict(unet.attn_processors)

    def plainly(run: Callable[..., object], *args: Any) -> Callable[[], None]:
        def way() -> None:
            with _processors(unet, processors):
                run(*args)

        return way

    with guided(denoiser, [subject], pairs, w_ref=s.w_ref, beta=0.0) as model:
        ways: dict[str, Callable[[], object]] = {}
        for cells in (BATCH, ALONE):
            text, x, t = _inputs(unet, cells)
            ways[f"{cells}: {STOCK}"] = plainly(_stock, unet, text, x, t, s.w_c)
            for step, name in enumerate((EQ_4, EQ_5)):
                ways[f"{cells}: {name}"] = partial(model.predict, text, {}, x, t, step)
        text, x, t = _inputs(unet, BATCH)
        ways[f"{BATCH}: {NAIVE}"] = plainly(_naive, denoiser, subject, pairs[1], s.w_ref, text, x, t)
        for rows in (1, PIECE):
            ways[f"pass: {rows}"] = plainly(_piece, denoiser, subject, rows, s.w_ref)
        for name in (EQ_4, EQ_5, STOCK):  # warm up; the first step encodes the reference of both
            ways[f"{ALONE}: {name}"]()
        found = interleaved_timings(ways, repeats, on_run)

    def of(head: str) -> dict[str, Timing]:
        return {name.removeprefix(head): timing for name, timing in found.items() if name.startswith(head)}

    return StepTiming(
        steps,
        share,
        {name: len(each) for name, each in kinds.items()},
        {cells: of(f"{cells}: ") for cells in (BATCH, ALONE)},
        {int(rows): timing for rows, timing in of("pass: ").items()},
    )


def _inputs(unet: Any, cells: int) -> tuple[dict[Any, TextStates], Tensor, Tensor]:
    g = torch.Generator().manual_seed(cells)
    text = {side: TextStates(torch.randn(cells, *TEXT, generator=g).to(unet.dtype)) for side in ("c", "uc")}
    return text, torch.randn(cells, *LATENT, generator=g).to(unet.dtype), torch.tensor(500)


def _stock(unet: Any, text: Mapping[Any, TextStates], x: Tensor, t: Tensor, w_c: float) -> Tensor:
    """Compute a step's guidance as diffusers' pipelines do."""
    states = torch.cat([text["uc"].states, text["c"].states])
    uc, c = unet(torch.cat([x] * 2), t, encoder_hidden_states=states, return_dict=False)[0].chunk(2)
    guided: Tensor = uc + w_c * (c - uc)
    return guided


def _naive(denoiser: Denoiser, subject: Subject, pair: Pair, w_ref: float, text: Any, x: Tensor, t: Tensor) -> Tensor:
    with naive_predict(denoiser, subject, [pair], w_ref=w_ref) as predict:
        return predict(text)(x, t, 0)


def _piece(denoiser: Denoiser, subject: Subject, rows: int, w_ref: float) -> None:
    assert subject.foreground is not None
    with denoiser.attach_self_subject() as ssa:
        encode_reference(
            ssa,
            lambda x, t, c: denoiser.predict(x, t, c, {}),
            denoiser.noised,
            subject.x_0,
            subject.c_r,
            subject.foreground,
            [Row(step, 900.0 - 20 * step) for step in range(rows)],
            w_ref=w_ref,
            digest=subject.digest,
            chunk=rows,
            last=denoiser.self_attention[-1],
        )


@contextmanager
def _processors(unet: Any, stock: Mapping[str, Any]) -> Iterator[None]:
    """Give the U-Net its stock attention inside, although S-S-A is attached."""
    ours = dict(unet.attn_processors)
    unet.set_attn_processor(dict(stock))
    try:
        yield
    finally:
        unet.set_attn_processor(ours)
