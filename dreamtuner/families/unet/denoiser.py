"""The denoiser of Stable Diffusion: a U-Net with its ControlNets, and its self-attention layers."""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass, field
from math import ceil
from typing import Any

import torch
from torch import Tensor

from dreamtuner.attention.subject_layers import SelfSubject
from dreamtuner.families.noising import noised, noised_by_sigma
from dreamtuner.families.text_states import TextStates
from dreamtuner.families.unet.attach import attached, encoder_attached, self_attention_order, slot_of
from dreamtuner.families.unet.regional_text import TextByRegion, text_attached
from dreamtuner.families.unet.subject_encoder import SubjectEncoder
from dreamtuner.models.layouts import Kind


@dataclass(frozen=True, eq=False)
class UNetDenoiser:
    """See `dreamtuner.families.denoiser.Denoiser`.

    `alphas_cumprod`: of the training schedule, to noise references; None if it has none. `controlnets`: by kind of
    control image; `control_weights`: the scale of their residuals, 1 where a kind is missing. `encoder`: the
    subject-encoder whose S-E-A layers are attached, or None. `sigma_data`: of a model that was trained by EDM, to noise
    references by sigma; None for all others. `cross_attention_kwargs`: of the U-Net in every prediction, as diffusers
    takes them; those of ControlNets stay empty, as in its own pipelines.
    """

    unet: Any
    alphas_cumprod: Tensor | None = None
    controlnets: Mapping[Kind, Any] = field(default_factory=dict)
    encoder: SubjectEncoder | None = None
    control_weights: Mapping[Kind, float] = field(default_factory=dict)
    sigma_data: float | None = None
    cross_attention_kwargs: Mapping[str, Any] = field(default_factory=dict)

    @property
    def dtype(self) -> torch.dtype:
        """The dtype in which the U-Net computes."""
        dtype: torch.dtype = self.unet.dtype
        return dtype

    @property
    def kinds(self) -> Sequence[Kind]:
        """The kinds of its ControlNets."""
        return tuple(self.controlnets)

    @property
    def has_encoder(self) -> bool:
        """Whether it has a subject-encoder."""
        return self.encoder is not None

    @property
    def self_attention(self) -> Sequence[str]:
        """The names of the U-Net's self-attention layers, in the order of a forward pass."""
        return self_attention_order(self.unet)

    def predict(self, x: Tensor, t: Tensor, c: TextStates, controls: Mapping[Kind, Tensor]) -> Tensor:
        """Call the U-Net once, conditioned by the ControlNets of the given kinds; their residuals are summed."""
        conditions, extra = self.conditions(x, c), dict[str, Any]()
        residuals = [
            self.controlnets[kind](
                x,
                t,
                **conditions,
                controlnet_cond=controls[kind],
                conditioning_scale=self.control_weights.get(kind, 1.0),
                return_dict=False,
            )
            for kind in self.controlnets
            if kind in controls
        ]
        if residuals:
            extra["down_block_additional_residuals"] = [
                sum(parts[1:], parts[0]) for parts in zip(*(d for d, _ in residuals), strict=True)
            ]
            extra["mid_block_additional_residual"] = sum((mid for _, mid in residuals[1:]), residuals[0][1])
        if attention := {**self.cross_attention_kwargs, **slot_of(self.unet)}:
            extra["cross_attention_kwargs"] = attention
        if c.image_prompts:
            added = conditions.get("added_cond_kwargs", {})
            conditions["added_cond_kwargs"] = {**added, "image_embeds": list(c.image_prompts)}
        prediction: Tensor = self.unet(x, t, **conditions, return_dict=False, **extra)[0]
        return prediction

    def conditions(self, x: Tensor, c: TextStates) -> dict[str, Any]:
        """Return the arguments of U-Net and ControlNets that text states and the size of x, N C H W, decide."""
        return {"encoder_hidden_states": c.states}

    def noised(self, x_0: Tensor, noise: Tensor, t: float) -> Tensor:
        """Noise by the training schedule: C H W each. Raises ValueError if the scheduler has none."""
        if self.sigma_data is not None:
            return noised_by_sigma(x_0, noise, t, self.sigma_data)
        if self.alphas_cumprod is None:
            raise ValueError("scheduler: it has no alphas_cumprod to noise a reference by; use one such as DDIM")
        return noised(x_0, noise, t, self.alphas_cumprod)

    def token_grids(self, size: tuple[int, int]) -> dict[int, tuple[int, int]]:
        """Return a level's token count -> its rows and columns. Each level of a U-Net halves the last, rounding up."""
        levels = len(self.unet.config.block_out_channels)
        grids = [(ceil(size[0] / 2**level), ceil(size[1] / 2**level)) for level in range(levels)]
        return {rows * columns: (rows, columns) for rows, columns in grids}

    def attach_self_subject(self) -> AbstractContextManager[SelfSubject]:
        """Attach S-S-A to the U-Net and its ControlNets."""
        return attached(self.unet, {str(kind): one for kind, one in self.controlnets.items()})

    def attach_text(self) -> AbstractContextManager[TextByRegion]:
        """Attach cross-attention by region to the U-Net and its ControlNets."""
        return text_attached(self.unet, {str(kind): one for kind, one in self.controlnets.items()})

    @contextmanager
    def attach_encoder(self) -> Iterator[SubjectEncoder]:
        """Attach the S-E-A layers. Raises ValueError if there is no subject-encoder or it belongs to another U-Net."""
        if self.encoder is None:
            raise ValueError("sampling.beta: this model has no subject-encoder; set beta to 0")
        layers = {name: self.encoder.layer(name) for name in self.encoder.config.blocks}
        with encoder_attached(self.unet, layers):
            yield self.encoder
