"""What the method asks of a model that predicts: one batch, where self-attention is, and its token grids.

Shapes: N rows of a batch; C H W of latents; L tokens of text with D channels; S side of a picture in pixels.
"""

from collections.abc import Callable, Mapping, Sequence
from contextlib import AbstractContextManager
from typing import Protocol

import torch
from torch import Tensor

from dreamtuner.attention.subject_encoder import TokenKeys
from dreamtuner.attention.subject_layers import SelfSubject
from dreamtuner.models.layouts import Kind

Predict = Callable[[Tensor, Tensor], Tensor]
"""(x_t: N C H W, t: a scalar tensor or N) -> the model's prediction, N C H W, under one condition."""


class EncodedSubject(Protocol):
    """The handle of attached S-E-A layers (Eq. 1)."""

    def attend(
        self, groups: Sequence[tuple[int, Mapping[str, TokenKeys] | None]], beta: float
    ) -> AbstractContextManager[None]:
        """In calls inside, the first group's rows see its subject at strength `beta`, and so on; None: none."""
        ...


class Denoiser(Protocol):
    """A model that predicts, with the ControlNets that lead it. It is never changed but inside the contexts below."""

    @property
    def dtype(self) -> torch.dtype:
        """The type in which it computes."""
        ...

    @property
    def kinds(self) -> Sequence[Kind]:
        """The kinds of control image that can lead it, in the order in which its ControlNets run."""
        ...

    @property
    def has_encoder(self) -> bool:
        """Whether it comes with S-E-A layers, which `attach_encoder` puts in."""
        ...

    @property
    def self_attention(self) -> Sequence[str]:
        """The names of its own self-attention layers, as `attach_self_subject` calls them, in the order of a pass."""
        ...

    def predict(self, x: Tensor, t: Tensor, c: Tensor, controls: Mapping[Kind, Tensor]) -> Tensor:
        """Predict one batch.

        Args:
            x: N C H W, noisy latents scaled for the model.
            t: a scalar tensor or N, timesteps of training, which may be fractions.
            c: N L D, text states.
            controls: control images N 3 S S in 0..1, by their kind; of a kind that is not there no ControlNet runs.

        Returns:
            N C H W, in the kind of prediction that the scheduler takes.
        """
        ...

    def noised(self, x_0: Tensor, noise: Tensor, t: float) -> Tensor:
        """Noise a reference to timestep t by the forward process of training: C H W each. ValueError where it cannot.

        Whole timesteps are those of training; between two, it goes evenly from one to the other.
        """
        ...

    def token_grids(self, size: tuple[int, int]) -> Mapping[int, tuple[int, int]]:
        """A layer's count of tokens -> its rows and columns, for latents of `size` = (H, W)."""
        ...

    def attach_self_subject(self) -> AbstractContextManager[SelfSubject]:
        """Inside, S-S-A stands in every self-attention layer, of its ControlNets too; without a subject all is plain.

        ValueError where a layer does more than plain attention.
        """
        ...

    def attach_encoder(self) -> AbstractContextManager[EncodedSubject]:
        """Inside, the S-E-A layers stand between self- and cross-attention; without a subject they add nothing."""
        ...
