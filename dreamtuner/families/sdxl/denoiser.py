"""The denoiser of Stable Diffusion XL: a U-Net that also embeds the pooled text and the sizes of the image."""

from dataclasses import dataclass
from typing import Any

from torch import Tensor

from dreamtuner.families.text_states import TextStates
from dreamtuner.families.unet.denoiser import UNetDenoiser


@dataclass(frozen=True, eq=False, kw_only=True)
class SDXLDenoiser(UNetDenoiser):
    """See `UNetDenoiser`. `pixels_per_latent`: the side, in pixels, of the square that one latent covers."""

    pixels_per_latent: int

    def conditions(self, x: Tensor, c: TextStates) -> dict[str, Any]:
        """Add pooled text and time ids: an image of the size of the latents x, made at this size and not cropped.

        Time ids are original height and width, top and left of the crop, and target height and width (Podell et al.
        2023, Sec. 2.2).

        Raises:
            ValueError: the text states have no pooled ones.
        """
        if c.pooled is None:
            raise ValueError("text states: this model needs pooled ones too; encode prompts by its own text encoders")
        height, width = (side * self.pixels_per_latent for side in x.shape[2:])
        ids = c.pooled.new_tensor([[height, width, 0, 0, height, width]]).expand(len(x), -1)
        return {**super().conditions(x, c), "added_cond_kwargs": {"text_embeds": c.pooled, "time_ids": ids}}
