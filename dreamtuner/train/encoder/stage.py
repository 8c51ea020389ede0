"""Stage 1: trains only the subject-encoder; U-Net, text encoder, image encoder and ControlNets stay frozen.

A ControlNet supplies the layout of the training image, so that the encoder learns only content (Sec. 3.1). Without it,
an ablation, the encoder learns to copy the reference's layout too. beta = 1 in training.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from typing import Any, Protocol

import torch
from torch import Tensor

from dreamtuner.families.denoiser import Denoiser
from dreamtuner.families.text_states import TextStates
from dreamtuner.families.unet.subject_encoder import SubjectEncoder, hidden_states
from dreamtuner.models.layouts import Kind
from dreamtuner.train.augment import augment
from dreamtuner.train.diffusion import FLOOR, Drawn, diffusion_loss

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
    """Rows of one size: `subjects` B 3 S S in 0..1, on white; `x0` B C H W; `captions` B.

    `layout`: the kind of control image and the images, B 3 fH fW in 0..1; None: the ablation without.
    `emphasis`: B 1 H W, the weight of each position in the loss; None: equal weights.
    `text`: the captions' states, B L D, if they were computed before; None: they are encoded now.
    """

    subjects: Tensor
    x0: Tensor
    captions: list[str]
    layout: tuple[Kind, Tensor] | None = None
    emphasis: Tensor | None = None
    text: TextStates | None = None


class Source(Protocol):
    """The images of a stage. `batch`: of an optimizer step; `numbers`: the most numbers C H W of any row's latents."""

    batch: int
    numbers: int

    def parts(self, step: int, rows: range) -> Sequence[Sequence[int]]:
        """Divide rows of the step's batch into parts of one size that fit into memory."""
        ...

    def draw(self, step: int, rows: Sequence[int], generator: torch.Generator) -> Examples:
        """Return the rows of a part. `generator` is the same for every part of a step, and so is what is drawn."""
        ...


class EncoderStage:
    """Denoises images of a subject given that subject, augmented and on white, through S-E-A alone."""

    def __init__(self, encoder: SubjectEncoder, frozen: Frozen, source: Source) -> None:
        self.learns, self.frozen, self.source, self.batch = encoder, frozen, source, source.batch
        self._attached, self._seen = ExitStack(), ExitStack()  # while the stage lives, nothing else uses these models
        self._attached.enter_context(frozen.denoiser.attach_encoder())

    def parts(self, step: int, rows: range) -> Sequence[Sequence[int]]:
        return self.source.parts(step, rows)

    def loss(self, step: int, generator: torch.Generator) -> tuple[Tensor, dict[str, float]]:
        return self.loss_of(step, range(self.batch), generator)

    def loss_of(self, step: int, rows: Sequence[int], generator: torch.Generator) -> tuple[Tensor, dict[str, float]]:
        batch = self.source.draw(step, rows, generator)
        loss, mse = self.denoise(batch, rows, self.batch, self.source.numbers, generator)
        return loss, {"mse": mse}

    def denoise(
        self, batch: Examples, rows: Sequence[int], total: int, numbers: int, generator: torch.Generator
    ) -> tuple[Tensor, float]:
        """Compute the loss and the mean squared error of these rows of a batch of `total`.

        All is drawn for the whole batch, so that a row gets the same whichever process computes it; see `Source` for
        `numbers`.
        """
        frozen, encoder, places = self.frozen, self.learns, torch.tensor(rows)
        silent = (torch.rand(total, generator=generator) < NO_CAPTION)[places]
        seed = int(torch.randint(2**62, (1,), generator=generator))
        drawn = Drawn.of(total, len(frozen.scheduler.alphas_cumprod), numbers, generator).rows(places)
        c = self._text(batch, silent)
        with torch.no_grad():
            pixels = frozen.normalise(augment(batch.subjects, seed, rows=places, batch=total))
            states = hidden_states(frozen.image_encoder, pixels.to(frozen.image_encoder.dtype), encoder.config.depths)
        self._seen.close()

        def predict(x_t: Tensor, t: Tensor) -> Tensor:
            dtype = frozen.denoiser.dtype
            controls = {} if batch.layout is None else {batch.layout[0]: batch.layout[1].to(dtype)}
            # left when the next part begins: gradient checkpointing computes the layers again in the backward pass
            self._seen.enter_context(encoder.attend([(len(x_t), encoder.keys(encoder(states)))], beta=1.0))
            return frozen.denoiser.predict(x_t.to(dtype), t, c, controls)

        return diffusion_loss(predict, batch.x0, frozen.scheduler, drawn=drawn, floor=FLOOR, emphasis=batch.emphasis)

    @contextmanager
    def detached(self) -> Iterator[None]:
        """Take the encoder's layers off the denoiser inside, for others to attach."""
        self._seen.close()
        self._attached.close()
        try:
            yield
        finally:
            self._attached.enter_context(self.frozen.denoiser.attach_encoder())

    def _text(self, batch: Examples, silent: Tensor) -> TextStates:
        if batch.text is None:
            words = ["" if quiet else words for words, quiet in zip(batch.captions, silent, strict=True)]
            return self.frozen.text(words)
        empty, text = self.frozen.text([""]), batch.text.to(dtype=self.frozen.denoiser.dtype)
        return TextStates.cat([empty if quiet else text[[i]] for i, quiet in enumerate(silent)])


def chunks(rows: Sequence[int], at_once: int) -> list[Sequence[int]]:
    """Divide rows into parts of at most `at_once`, in their order."""
    return [rows[i : i + at_once] for i in range(0, len(rows), at_once)]
