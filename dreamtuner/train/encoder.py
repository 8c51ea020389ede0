"""Stage 1: trains only the subject-encoder; U-Net, text encoder, image encoder and ControlNets stay frozen.

A ControlNet supplies the layout of the training image, so that the encoder learns only content (Sec. 3.1). Without it,
an ablation, the encoder learns to copy the reference's layout too. beta = 1 in training.
"""

from __future__ import annotations

from collections.abc import Callable
from contextlib import ExitStack
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from dreamtuner.families.denoiser import Denoiser
from dreamtuner.families.text_states import TextStates
from dreamtuner.families.unet.subject_encoder import SubjectEncoder, hidden_states
from dreamtuner.models.layouts import Kind
from dreamtuner.train.augment import augment
from dreamtuner.train.diffusion import FLOOR, diffusion_loss

NO_CAPTION = 0.1  # share of empty captions: the encoder must also serve the unconditional branch


@dataclass(frozen=True, eq=False)
class Frozen:
    """The frozen models of stage 1. The denoiser includes the encoder's layers and, for control images, ControlNets."""

    denoiser: Denoiser
    text: Callable[[list[str]], TextStates]
    image_encoder: Any
    normalise: Callable[[Tensor], Tensor]
    scheduler: Any


@dataclass(frozen=True, eq=False)
class Examples:
    """One batch: `subjects` B 3 S S in 0..1, on white; `x0` B C H W; `captions` B.

    `layout`: the kind of control image and the images, B 3 S S in 0..1; None: the ablation without.
    `emphasis`: B 1 H W, the weight of each position in the loss; None: equal weights.
    """

    subjects: Tensor
    x0: Tensor
    captions: list[str]
    layout: tuple[Kind, Tensor] | None = None
    emphasis: Tensor | None = None


class EncoderStage:
    """Denoises images of a subject given that subject, augmented and on white, through S-E-A alone."""

    def __init__(self, encoder: SubjectEncoder, frozen: Frozen, sample: Callable[[torch.Generator], Examples]) -> None:
        self.learns, self.frozen, self.sample = encoder, frozen, sample
        self._attached = ExitStack()  # for as long as the stage lives: nothing else uses these models
        self._attached.enter_context(frozen.denoiser.attach_encoder())

    def loss(self, step: int, generator: torch.Generator) -> tuple[Tensor, dict[str, float]]:
        frozen, encoder, batch = self.frozen, self.learns, self.sample(generator)
        silent = torch.rand(len(batch.captions), generator=generator) < NO_CAPTION
        c = frozen.text(["" if quiet else words for words, quiet in zip(batch.captions, silent, strict=True)])
        with torch.no_grad():
            pixels = frozen.normalise(augment(batch.subjects, generator))
            states = hidden_states(frozen.image_encoder, pixels, encoder.config.depths)

        def predict(x_t: Tensor, t: Tensor) -> Tensor:
            controls = {} if batch.layout is None else dict([batch.layout])
            with encoder.attend([(len(x_t), encoder.keys(encoder(states)))], beta=1.0):
                return frozen.denoiser.predict(x_t, t, c, controls)

        loss, mse = diffusion_loss(predict, batch.x0, frozen.scheduler, generator, floor=FLOOR, emphasis=batch.emphasis)
        return loss, {"mse": mse}
