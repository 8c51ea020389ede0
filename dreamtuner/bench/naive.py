"""The naive form: the reference is run through the U-Net for every image at every step, with all of its tokens.

This is how reference attention is usually implemented. The fast form is compared with it, in results and in cost.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from functools import partial
from typing import Literal

import torch
from PIL import Image
from torch import Tensor

from dreamtuner.attention.self_subject import SubjectKeys
from dreamtuner.attention.subject_layers import Layers, SelfSubject
from dreamtuner.families.backbone import Parts
from dreamtuner.families.denoiser import Denoiser
from dreamtuner.families.schedulers import chosen_scheduler
from dreamtuner.families.text_states import TextStates
from dreamtuner.sampling.guidance import Branch, Pair
from dreamtuner.sampling.guidance_plan import plan_steps
from dreamtuner.sampling.loop import Predict, cell_noise, denoise, fresh_scheduler, seeded
from dreamtuner.sampling.request import Cell, Reference
from dreamtuner.sampling.subject import Subject, prepare_subject
from dreamtuner.settings.sampling import Sampling

Text = Mapping[Literal["c", "uc"], TextStates]
"""Text states of N rows each."""


@contextmanager
def naive_predict(
    denoiser: Denoiser, subject: Subject, plan: Sequence[Pair], *, w_ref: float
) -> Iterator[Callable[[Text], Predict]]:
    """Compute Eq. 2-6 without caching: no shared rows, and the background masked by m = 0 (-inf) instead of omitted.

    Yields a function that turns the text states of a batch into the loop's `predict`.
    """
    if subject.foreground is None:
        raise ValueError("sampling.w_ref: the naive form is S-S-A; set w_ref above 0")
    everything = {
        count: torch.arange(count, device=positions.device) for count, positions in subject.foreground.items()
    }
    log_m = {count: _log_m(count, positions, w_ref, subject.x_0) for count, positions in subject.foreground.items()}
    with denoiser.attach_self_subject() as ssa:

        def seen(branch: Branch, step: int, rows: int) -> Layers | None:
            if branch.x_r is None:
                return None
            noise = torch.randn(subject.x_0.shape, generator=seeded(subject.digest, "noise", step)).to(subject.x_0)
            x_r = denoiser.noised(subject.x_0, noise, branch.x_r).expand(rows, -1, -1, -1)
            return _capture(ssa, denoiser, x_r, branch.x_r, subject.c_r, everything, log_m)

        def predict(text: Text, x: Tensor, t: Tensor, step: int) -> Tensor:
            branches = plan[step].branches
            groups = [(len(x), seen(branch, step, len(x))) for branch in branches]
            c = TextStates.cat([text[branch.text] for branch in branches])
            with ssa.attend(groups):
                rows = torch.cat([x] * len(branches)).to(denoiser.dtype)
                eps = denoiser.predict(rows, t, c, {})
            return plan[step].combine(eps.to(x.dtype).chunk(len(branches)))

        yield lambda text: partial(predict, text)


@torch.inference_mode()
def naive_generate(
    backbone: Parts, reference: Reference, cells: Sequence[Cell], sampling: Sampling, *, batch_size: int
) -> list[Image.Image]:
    """Generate what `generate` does without control images and subject-encoder, by `naive_predict`."""
    subject = prepare_subject(backbone, reference, sampling)
    if subject is None:
        raise ValueError(
            "sampling.w_ref, reference: there is nothing to see; give a mask with a subject and w_ref above 0"
        )
    template = chosen_scheduler(backbone.scheduler, sampling)
    plan = plan_steps(template, [subject], sampling)
    undesired, pictures = backbone.encode_text(None, sampling.text), []
    with naive_predict(backbone.denoiser(), subject, plan, w_ref=sampling.w_ref) as naive:
        for first in range(0, len(cells), batch_size):
            part = cells[first : first + batch_size]
            c = TextStates.together([backbone.encode_text(cell.prompt, sampling.text) for cell in part], undesired)
            generators = [torch.Generator().manual_seed(cell.seed) for cell in part]
            scheduler = fresh_scheduler(template, sampling.steps, backbone.device)
            x = cell_noise(generators, backbone.latent_shape(sampling.width, sampling.height)).to(backbone.device)
            predict = naive({"c": c, "uc": undesired.padded(c.length, undesired).expand(len(c))})
            x = denoise(predict, x * scheduler.init_noise_sigma, scheduler, generators=generators, eta=sampling.eta)
            pictures += backbone.decode(x)
    return pictures


def _log_m(count: int, positions: Tensor, w_ref: float, like: Tensor) -> Tensor:
    """log(w_ref * m_r) over all tokens of a layer: -inf in the background."""
    m_r = torch.zeros(count, device=like.device, dtype=like.dtype).index_fill(0, positions, 1)
    return (w_ref * m_r).log()


def _capture(
    ssa: SelfSubject,
    denoiser: Denoiser,
    x_r: Tensor,
    t: float,
    c_r: TextStates,
    everything: Mapping[int, Tensor],
    log_m: Mapping[int, Tensor],
) -> Layers:
    with ssa.capture(everything) as captured:
        times = torch.full((len(x_r),), t, device=x_r.device)
        denoiser.predict(x_r, times, c_r.expand(len(x_r)), {})
    return {name: SubjectKeys(k, v, log_m[k.shape[2]]) for name, (k, v) in captured.items()}
