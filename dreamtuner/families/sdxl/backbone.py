"""The backbone of Stable Diffusion XL: that of Stable Diffusion 1.x with a second text encoder and its own denoiser."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import torch
from torch import Tensor

from dreamtuner.families.sdxl.denoiser import SDXLDenoiser
from dreamtuner.families.sdxl.load import stock_pipeline
from dreamtuner.families.sdxl.original_names import original_name
from dreamtuner.families.sdxl.text import encode_text
from dreamtuner.families.text_states import TextStates
from dreamtuner.families.unet.backbone import UNetBackbone, UNetParts
from dreamtuner.models.layouts import Kind
from dreamtuner.settings.sampling import TextSettings

_LITERAL = TextSettings()


@dataclass(frozen=True, eq=False, kw_only=True)
class SDXLParts(UNetParts):
    """A Stable Diffusion XL in diffusers' own classes; see `UNetParts`.

    `zeros_for_no_prompt`: the states of no prompt, so also of no negative prompt, are zeros, not those of an empty one.
    """

    text_encoder_2: Any = field(repr=False)
    tokenizer_2: Any = field(repr=False)
    zeros_for_no_prompt: bool = True

    @property
    def text_encoders(self) -> Mapping[str, Any]:
        """The two text encoders, by name."""
        return {"text_encoder": self.text_encoder, "text_encoder_2": self.text_encoder_2}

    def encode_text(self, prompt: str | None, settings: TextSettings = _LITERAL) -> TextStates:
        """Encode one prompt on its own: the same bits in any batch. None is zeros, if the model says so."""
        words, models = tuple(self.tokenizers.values()), tuple(self.text_encoders.values())
        states = encode_text(words, models, prompt or "", self.device, settings)
        states = states.zeros() if prompt is None and self.zeros_for_no_prompt else states
        return states if self.unet is None else states.to(dtype=self.unet.dtype)

    def denoiser(
        self,
        kinds: Sequence[Kind] = (),
        *,
        encoder: bool = False,
        control_weights: Mapping[Kind, float] | None = None,
    ) -> SDXLDenoiser:
        """Return the U-Net with ControlNets of these kinds and, if `encoder`, the subject-encoder's layers."""
        plain = super().denoiser(kinds, encoder=encoder, control_weights=control_weights)
        return SDXLDenoiser(**vars(plain), pixels_per_latent=self.pixels_per_latent)

    def scaled(self, latents: Tensor) -> Tensor:
        """Scale what the autoencoder encodes, N C H W, by its mean and deviation if it states them."""
        stated = self._statistics(latents)
        return super().scaled(latents if stated is None else (latents - stated[0]) / stated[1])

    def unscaled(self, x_0: Tensor) -> Tensor:
        """Undo `scaled`."""
        stated = self._statistics(x_0)
        return super().unscaled(x_0) if stated is None else super().unscaled(x_0 * stated[1]) + stated[0]

    def _statistics(self, latents: Tensor) -> list[Tensor] | None:
        stated = [getattr(self.vae.config, name, None) for name in ("latents_mean", "latents_std")]
        return None if None in stated else [torch.tensor(one).view(1, -1, 1, 1).to(latents) for one in stated]


@dataclass(frozen=True, eq=False, kw_only=True)
class SDXLBackbone(SDXLParts, UNetBackbone):
    """The parts of a profile, frozen and in eval mode; see `UNetBackbone`."""

    @property
    def embedding_names(self) -> Mapping[str, str]:
        """CLIP ViT-L and OpenCLIP ViT-bigG, as files of embeddings call them."""
        return {"text_encoder": "clip_l", "text_encoder_2": "clip_g"}

    def kohya_name(self, part: str, layer: str) -> str:
        """Return what kohya's trainer calls a layer: of the U-Net by the original names, not by diffusers'."""
        head = {"unet": "lora_unet_", "text_encoder": "lora_te1_", "text_encoder_2": "lora_te2_"}[part]
        named = original_name(layer, self.unet.config.layers_per_block) if part == "unet" else layer
        return head + named.replace(".", "_")

    def stock(self, **models: Any) -> Any:
        """Return the stock pipeline of these models, `models` instead of its own."""
        own = ("vae", "text_encoder", "text_encoder_2", "tokenizer", "tokenizer_2", "unet", "scheduler")
        given = {**{name: getattr(self, name) for name in own}, **models}
        return stock_pipeline(zeros_for_no_prompt=self.zeros_for_no_prompt, **given)
