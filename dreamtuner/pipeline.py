"""From a reference and prompts to pictures: encodes what is shared once, then draws the cells in batches."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from hashlib import sha256
from typing import NamedTuple

import torch
from PIL import Image
from torch import Tensor

from dreamtuner.attention.install import Layers, SelfSubject, attached
from dreamtuner.attention.self_subject import concatenate
from dreamtuner.backbone import Backbone
from dreamtuner.config import Sampling
from dreamtuner.guidance import Branch, Pair, interleaved
from dreamtuner.reference import (
    ReferenceFeatures,
    Row,
    encode_reference,
    foreground_tokens,
    reference_digest,
    square,
)
from dreamtuner.sampling import cell_noise, denoise, fresh_scheduler, step_lambda


@dataclass(frozen=True)
class Reference:
    """One picture of the subject. `image`: RGB; `mask`: L, 255 subject, 0 background, the image's size, or None: all of
    it is subject; `caption`: what the picture shows, in the words of the model's captions."""

    image: Image.Image
    mask: Image.Image | None
    caption: str


@dataclass(frozen=True)
class Cell:
    """One picture to draw. `seed` alone decides x_T."""

    prompt: str
    seed: int


@torch.inference_mode()
def generate(
    backbone: Backbone,
    reference: Reference | Sequence[Reference] | None,
    cells: Sequence[Cell],
    sampling: Sampling,
    *,
    negative_prompt: str = "",
    batch_size: int = 16,
    on_step: Callable[[int, int], None] | None = None,
) -> list[Image.Image]:
    """One RGB picture per cell, in order, all of one subject; several references of it concatenate.

    No reference, w_ref = 0 and an empty mask are one and the same: the plain model, text-guided at w_c in every step.
    `batch_size`: cells at a time (twice as many U-Net rows); it changes the last bits of a picture at most.
    `on_step(done, total)` is called after each step of each batch, done from 1 to total; what it raises ends the call,
    the U-Net restored. ValueError names the setting that does not fit.
    """
    if batch_size < 1:
        raise ValueError(f"batch_size: {batch_size} is too small; give 1 or more")
    if sampling.beta > 0:
        raise ValueError("sampling.beta: this profile has no subject-encoder; set beta to 0")
    shape = backbone.latent_shape(sampling.resolution)
    given = [reference] if isinstance(reference, Reference) else list(reference or ())
    prepared = [_prepare(r, sampling) for r in given if sampling.w_ref > 0]
    present = [subject for subject in prepared if subject.m_r.any()]
    plan = _plan(backbone, present, sampling)
    text = {prompt: backbone.encode_text(prompt) for prompt in {negative_prompt, *(cell.prompt for cell in cells)}}
    batches = [cells[first : first + batch_size] for first in range(0, len(cells), batch_size)]
    total = len(batches) * len(plan)
    pictures: list[Image.Image] = []
    with attached(backbone.unet) as ssa:
        features = [_encode(backbone, ssa, r, plan, sampling) for r in present] if cells else []
        for number, batch in enumerate(batches):
            c = torch.cat([text[cell.prompt] for cell in batch])
            states = {"c": c, "uc": text[negative_prompt].expand_as(c)}
            generators = [torch.Generator().manual_seed(cell.seed) for cell in batch]
            scheduler = fresh_scheduler(backbone.scheduler, sampling.steps, backbone.device)
            x = cell_noise(generators, shape).to(backbone.device) * scheduler.init_noise_sigma
            report = None if on_step is None else partial(_report, on_step, number * len(plan), total)
            predict = partial(_predict, backbone, ssa, features, plan, states)
            x = denoise(predict, x, scheduler, generators=generators, on_step=report)
            pictures += backbone.decode(x)
    return pictures


class _Subject(NamedTuple):
    """A reference at the picture's size. `m_r`: side side, in [0, 1]."""

    image: Image.Image
    m_r: Tensor
    caption: str
    digest: str


def _prepare(reference: Reference, sampling: Sampling) -> _Subject:
    image, mask = square(reference.image, reference.mask, sampling.resolution)
    m_r = torch.frombuffer(bytearray(mask.tobytes()), dtype=torch.uint8).view(mask.height, mask.width) / 255
    return _Subject(image, m_r, reference.caption, reference_digest(reference.image))


def _plan(backbone: Backbone, subjects: Sequence[_Subject], sampling: Sampling) -> list[Pair]:
    """Eq. 6 for every step: one plan for the subject, whatever its cells."""
    digest = sha256("/".join(subject.digest for subject in subjects).encode()).hexdigest()
    timesteps = fresh_scheduler(backbone.scheduler, sampling.steps).timesteps.tolist()
    t_max = float(backbone.scheduler.config.num_train_timesteps - 1)
    return [
        interleaved(step_lambda(digest, step), t, sampling, t_max=t_max, reference=bool(subjects))
        for step, t in enumerate(timesteps)
    ]


def _encode(
    backbone: Backbone, ssa: SelfSubject, subject: _Subject, plan: Sequence[Pair], sampling: Sampling
) -> ReferenceFeatures:
    """The reference pass for the noise levels that this plan asks for."""
    x_0 = backbone.encode_image(subject.image)
    tokens = foreground_tokens(subject.m_r, (x_0.shape[1], x_0.shape[2]), len(backbone.unet.config.block_out_channels))
    return encode_reference(
        ssa,
        backbone.unet,
        x_0,
        backbone.encode_text(subject.caption),
        {count: kept.to(x_0.device) for count, kept in tokens.items()},
        [Row(i, b.x_r) for i, pair in enumerate(plan) for b in pair.branches if b.x_r is not None],
        w_ref=sampling.w_ref,
        alphas_cumprod=backbone.scheduler.alphas_cumprod,
        digest=subject.digest,
    )


def _predict(
    backbone: Backbone,
    ssa: SelfSubject,
    features: Sequence[ReferenceFeatures],
    plan: Sequence[Pair],
    states: dict[str, Tensor],
    x: Tensor,
    t: Tensor,
    step: int,
) -> Tensor:
    """The step's branches as one U-Net batch, combined by Eq. 4 or 5. x: N C H W -> N C H W.

    Their rows part only inside S-S-A. Two U-Net calls measured 4-31 % slower on a CPU (medians, 1 and 16 cells).
    """
    pair = plan[step]
    groups = [(len(x), _layers(features, branch, step)) for branch in pair.branches]
    rows = torch.cat([x] * len(groups)).to(backbone.unet.dtype)
    c = torch.cat([states[branch.text] for branch in pair.branches])
    with ssa.attend(groups):
        eps = backbone.unet(rows, t, encoder_hidden_states=c, return_dict=False)[0]
    return pair.combine(eps.to(x.dtype).chunk(len(groups)))


def _layers(features: Sequence[ReferenceFeatures], branch: Branch, step: int) -> Layers | None:
    """What the branch sees: nothing, or its references' tokens one after the other."""
    if branch.x_r is None:
        return None
    each = [feature.at(Row(step, branch.x_r)) for feature in features]
    joined = {name: concatenate([layers[name] for layers in each]) for name in each[0]}
    return {name: keys for name, keys in joined.items() if keys is not None}


def _report(on_step: Callable[[int, int], None], before: int, total: int, step: int) -> None:
    on_step(before + step + 1, total)
