"""Throughput and peak memory on a GPU at SD 1.5's shapes: random weights, bf16, compiled; ours against diffusers' own.

NOT RUN ON A GPU YET: the code was exercised on a CPU at small shapes without compilation, and no figure of it exists.
Text encoder and VAE are left out on both sides, which is to our disadvantage: both sides would spend the same on them.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from dreamtuner.bench.sd15 import PIECE
from dreamtuner.bench.shapes import (
    TEXT,
    even_plan,
    sd15_denoiser,
    sd15_encoder,
    sd15_scheduler,
    sd15_subject,
    sd15_unet,
)
from dreamtuner.bench.timing import Timing, interleaved_timings
from dreamtuner.families.compiled import GRAPHS
from dreamtuner.families.text_states import TextStates
from dreamtuner.families.unet.build import stock_pipeline
from dreamtuner.families.unet.subject_encoder import SubjectEncoder
from dreamtuner.sampling.loop import cell_noise, denoise, fresh_scheduler
from dreamtuner.sampling.model import guided
from dreamtuner.settings.sampling import Sampling

STOCK, SSA, SSA_SEA = "stock diffusers, compiled", "ours, S-S-A, compiled", "ours, S-S-A + S-E-A, compiled"
BETA = 0.2


@dataclass(frozen=True)
class GpuTiming:
    """Timings of `cells` pictures of `steps` steps, `batch` at a time, and each way's peak memory in bytes."""

    device: str
    cells: int
    steps: int
    batch: int
    share: float
    ways: dict[str, Timing]
    peak: dict[str, int]


@torch.inference_mode()
def time_gpu(
    cells: int,
    steps: int,
    repeats: int,
    on_run: Callable[[str, int, float], None],
    *,
    batch: int = 16,
    share: float = 0.4,
) -> GpuTiming:
    """Measure; the runs in which a way compiles are dropped. RuntimeError where there is no CUDA device."""
    if not torch.cuda.is_available():
        raise RuntimeError("bench: there is no CUDA device here; the figures at SD 1.5's shapes need one")
    unet = sd15_unet("cuda", torch.bfloat16)
    encoder = sd15_encoder(unet, "cuda", torch.bfloat16)
    # blocks with and without S-E-A, and the reference pass's numbers of rows, are graphs of their own
    torch._dynamo.config.recompile_limit = GRAPHS
    unet.compile(dynamic=False)
    ways = gpu_ways(unet, encoder, cells, steps, batch, share)
    peak = {}
    for name, run in ways.items():
        run()
        torch.cuda.reset_peak_memory_stats()
        run()
        peak[name] = torch.cuda.max_memory_allocated()
    timings = interleaved_timings({name: _waited_for(run) for name, run in ways.items()}, repeats, on_run)
    return GpuTiming(torch.cuda.get_device_name(), cells, steps, batch, share, timings, peak)


def gpu_ways(
    unet: Any, encoder: SubjectEncoder, cells: int, steps: int, batch: int, share: float
) -> dict[str, Callable[[], object]]:
    """Return the ways of generating `cells` latents of one subject, `batch` at a time, on the U-Net's device."""
    s = Sampling(steps=steps, resolution=512)
    states = torch.zeros(batch, *TEXT, device=unet.device, dtype=unet.dtype)
    text = {side: TextStates(states.clone()) for side in ("c", "uc")}
    shape = (unet.config.in_channels, unet.config.sample_size, unet.config.sample_size)
    parts = [min(batch, cells - first) for first in range(0, cells, batch)]

    def seeds(count: int) -> list[torch.Generator]:
        return [torch.Generator().manual_seed(seed) for seed in range(count)]

    def stock() -> None:
        pipe = stock_pipeline(vae=None, text_encoder=None, tokenizer=None, unet=unet, scheduler=sd15_scheduler())
        pipe.set_progress_bar_config(disable=True)
        for count in parts:
            pipe(
                prompt_embeds=text["c"].states[:count],
                negative_prompt_embeds=text["uc"].states[:count],
                height=8 * shape[1],
                width=8 * shape[2],
                num_inference_steps=steps,
                guidance_scale=s.w_c,
                generator=seeds(count),
                output_type="latent",
            )

    def ours(encoder: SubjectEncoder | None) -> None:
        subject = sd15_subject(share, unet, encoder)
        plan = even_plan(steps, s)
        with guided(
            sd15_denoiser(unet, encoder), [subject], plan, w_ref=s.w_ref, beta=BETA, reference_rows=PIECE
        ) as model:
            for count in parts:
                now = {side: states[:count] for side, states in text.items()}

                def predict(x: Tensor, t: Tensor, step: int, now: Any = now) -> Tensor:
                    return model.predict(now, {}, x, t, step)

                generators = seeds(count)
                x = cell_noise(generators, shape).to(unet.device, unet.dtype)  # the type in which stock keeps them
                denoise(predict, x, fresh_scheduler(sd15_scheduler(), steps, unet.device), generators=generators)

    return {STOCK: stock, SSA: lambda: ours(None), SSA_SEA: lambda: ours(encoder)}


def _waited_for(run: Callable[[], object]) -> Callable[[], None]:
    """Return the run followed by a synchronisation with the GPU."""

    def waited() -> None:
        run()
        torch.cuda.synchronize()

    return waited
