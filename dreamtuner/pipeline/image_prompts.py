"""Image prompts: the embeddings that IP-Adapters (arXiv 2308.06721) of a U-Net attend to beside the text.

S-S-A is in self-attention and IP-Adapters in cross-attention, so both act at once. Decided here: a prediction uses the
image prompt with the prompt, and the undesired one with the negative prompt and in the reference pass.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import torch
from diffusers.models.embeddings import ImageProjection, MultiIPAdapterImageProjection
from torch import Tensor

from dreamtuner.families.text_states import TextStates
from dreamtuner.pipeline.image_inputs import Picture, Pictures, pil_images

AdapterImages = Picture | Sequence[Pictures] | None
"""One image, or for each IP-Adapter one image or a list of them."""

_NAMES = "ip_adapter_image, ip_adapter_image_embeds"


@dataclass(frozen=True, eq=False)
class ImagePrompts:
    """For each IP-Adapter the embeddings of its K images, 1 K D or 1 K T D. `undesired`: those of no image."""

    wanted: tuple[Tensor, ...] = ()
    undesired: tuple[Tensor, ...] = ()

    def beside(self, text: TextStates, *, undesired: bool = False) -> TextStates:
        """Return the text states with image prompts in every row, in their dtype and on their device."""
        each = self.undesired if undesired else self.wanted
        rows = tuple(one.to(text.states).expand(len(text), *one.shape[1:]) for one in each)
        return replace(text, image_prompts=rows)


def image_prompts(pipe: Any, images: AdapterImages, embeds: Sequence[Tensor] | None) -> ImagePrompts:
    """Encode the images of a call for the IP-Adapters that are loaded; empty if there are none.

    `embeds`: for each IP-Adapter K embeddings in rows, the undesired half first, as stock pipelines return them: 2 K D
    or 2 K T D; of 1 K D the undesired ones are zero. Raises ValueError, which names the argument.
    """
    projection = getattr(pipe.unet, "encoder_hid_proj", None)
    layers = list(projection.image_projection_layers) if isinstance(projection, MultiIPAdapterImageProjection) else []
    if not layers:
        if images is not None or embeds is not None:
            raise ValueError(f"{_NAMES}: this pipeline has no IP-Adapter; call load_ip_adapter, or leave them out")
        return ImagePrompts()
    if (images is None) == (embeds is None):
        raise ValueError(f"{_NAMES}: this pipeline has an IP-Adapter; give one of the two, or call unload_ip_adapter")
    given = _per_adapter(images) if embeds is None else list(embeds)
    if len(given) != len(layers):
        name = "ip_adapter_image" if embeds is None else "ip_adapter_image_embeds"
        raise ValueError(f"{name}: {len(given)} for {len(layers)} IP-Adapters; give one for each")
    if embeds is None:
        halves = [_encoded(pipe, one, layer) for one, layer in zip(given, layers, strict=True)]
    else:
        halves = [_halves(one) for one in given]
    return ImagePrompts(tuple(wanted for _, wanted in halves), tuple(undesired for undesired, _ in halves))


def _per_adapter(images: Any) -> list[Any]:
    return list(images) if isinstance(images, Sequence) else [images]


def _encoded(pipe: Any, images: Any, layer: Any) -> tuple[Tensor, Tensor]:
    """Return the undesired and the wanted embeddings of one adapter's images: projected ones, or states of CLIP."""
    vision, processor = pipe.image_encoder, pipe.feature_extractor
    pictures = [one for one in pil_images("ip_adapter_image", images) if one is not None]
    if not pictures:
        raise ValueError("ip_adapter_image: there is no image for one of the IP-Adapters; give one for each")
    if vision is None or processor is None or not hasattr(vision, "visual_projection"):
        found = "none" if vision is None else f"a {type(vision).__name__}, which the subject-encoder reads"
        raise ValueError(
            "ip_adapter_image: IP-Adapters read a CLIPVisionModelWithProjection and a feature_extractor, and this "
            f"pipeline's image_encoder is {found}; set both, or give ip_adapter_image_embeds"
        )
    pixels = processor(pictures, return_tensors="pt").pixel_values.to(pipe._execution_device, vision.dtype)
    if isinstance(layer, ImageProjection):
        wanted = vision(pixels).image_embeds
        return torch.zeros_like(wanted)[None], wanted[None]
    undesired, wanted = (
        vision(one, output_hidden_states=True).hidden_states[-2] for one in (torch.zeros_like(pixels), pixels)
    )
    return undesired[None], wanted[None]


def _halves(embeds: Tensor) -> tuple[Tensor, Tensor]:
    shape = tuple(getattr(embeds, "shape", ()))
    if len(shape) not in (3, 4) or shape[0] not in (1, 2) or (len(shape) == 4 and shape[0] == 1):
        raise ValueError(
            f"ip_adapter_image_embeds: the shape is {shape}; give for each IP-Adapter 2 K D or 2 K T D of K images, "
            "the undesired ones first, or 1 K D"
        )
    wanted = embeds[-1:]
    return (embeds[:1] if shape[0] == 2 else torch.zeros_like(wanted)), wanted
