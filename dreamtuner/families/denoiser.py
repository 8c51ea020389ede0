"""The interface of a denoising model: predict a batch, attach attention layers, report token grids.

Shapes: N rows of a batch; C H W of latents; fH fW of an image in pixels.
"""

from collections.abc import Callable, Mapping, Sequence
from contextlib import AbstractContextManager
from typing import Protocol, runtime_checkable

import torch
from torch import Tensor

from dreamtuner.attention.by_region import Regions
from dreamtuner.attention.subject_encoder import LayerTokens
from dreamtuner.attention.subject_layers import SelfSubject
from dreamtuner.families.text_states import TextStates
from dreamtuner.models.layouts import Kind

Predict = Callable[[Tensor, Tensor], Tensor]
"""(x_t: N C H W, t: a scalar tensor or N) -> the model's prediction, N C H W, under one condition."""


class EncodedSubject(Protocol):
    """The handle of attached S-E-A layers (Eq. 1)."""

    def attend(
        self, groups: Sequence[tuple[int, Mapping[str, LayerTokens] | None]], beta: float
    ) -> AbstractContextManager[None]:
        """Let the rows of each group see the group's subject at strength `beta` in calls inside; None: no subject."""
        ...


class RegionalText(Protocol):
    """The handle of attached cross-attention by region."""

    def by(self, regions: Regions) -> AbstractContextManager[None]:
        """Let the tokens of each region attend to its own text states in calls inside.

        The states of a row are then those of every region in order, and of what lies outside, one after the other, all
        of one length.
        """
        ...


class Denoiser(Protocol):
    """A denoising model with its ControlNets. It is changed only inside the contexts below, and restored on exit."""

    @property
    def dtype(self) -> torch.dtype:
        """The dtype in which it computes."""
        ...

    @property
    def kinds(self) -> Sequence[Kind]:
        """The kinds of control image that it accepts, in the order in which its ControlNets run."""
        ...

    @property
    def has_encoder(self) -> bool:
        """Whether it has S-E-A layers, which `attach_encoder` attaches."""
        ...

    @property
    def self_attention(self) -> Sequence[str]:
        """The names of its own self-attention layers, as in `attach_self_subject`, in the order of a forward pass."""
        ...

    def predict(self, x: Tensor, t: Tensor, c: TextStates, controls: Mapping[Kind, Tensor]) -> Tensor:
        """Predict one batch.

        Args:
            x: N C H W, noisy latents scaled for the model.
            t: a scalar tensor or N, training timesteps, which may be fractional.
            c: text states of N rows.
            controls: control images N 3 fH fW in 0..1, by kind; the ControlNet of a missing kind does not run.

        Returns:
            N C H W, in the prediction type that the scheduler expects.
        """
        ...

    def noised(self, x_0: Tensor, noise: Tensor, t: float) -> Tensor:
        """Noise a reference to timestep t by the forward process of training: C H W each.

        Raises ValueError if the model has no such process. Whole timesteps are those of training; between two of them
        the noise level is interpolated.
        """
        ...

    def token_grids(self, size: tuple[int, int]) -> Mapping[int, tuple[int, int]]:
        """Return a layer's token count -> its rows and columns, finest first, for latents of `size` = (H, W)."""
        ...

    def attach_self_subject(self) -> AbstractContextManager[SelfSubject]:
        """Attach S-S-A to every self-attention layer, including those of ControlNets; detach on exit.

        Without a subject the attached layers compute plain attention. Raises ValueError if a layer's own processor does
        more than plain attention.
        """
        ...

    def attach_encoder(self) -> AbstractContextManager[EncodedSubject]:
        """Attach the S-E-A layers between self- and cross-attention; detach on exit.

        Without a subject they add zero.
        """
        ...


@runtime_checkable
class HasTextRegions(Protocol):
    """A denoiser that can attend to different texts in different regions, which images of several subjects need."""

    def attach_text(self) -> AbstractContextManager[RegionalText]:
        """Attach cross-attention by region to every layer that reads the text, including those of ControlNets.

        Outside of `RegionalText.by` the attached layers compute as before; detach on exit. Raises ValueError if a
        layer's own processor does more than plain attention.
        """
        ...
