"""The family of Stable Diffusion XL for the registry: `reads`, `refusal`, `load_backbone` and `memory_need`."""

import torch

from dreamtuner.families.sdxl.backbone import SDXLBackbone
from dreamtuner.families.sdxl.denoiser import TIME_IDS
from dreamtuner.families.sdxl.finetune import memory_need
from dreamtuner.families.sdxl.load import load_parts
from dreamtuner.families.unet.configs import config_of, further_inputs
from dreamtuner.models.profiles import Profile
from dreamtuner.models.weights import require_weights, weights_digest

__all__ = ["load_backbone", "memory_need", "reads", "refusal"]


def reads(profile: Profile) -> bool:
    """Return whether the profile's folder contains the U-Net of a Stable Diffusion XL that makes images from text."""
    return _embeds_time_ids(profile) and refusal(profile) is None


def refusal(profile: Profile) -> str | None:
    """Return why an XL model of another kind cannot be used: a refiner, or one that takes an image; None otherwise."""
    if not _embeds_time_ids(profile):
        return None
    unet, text = config_of(profile, "unet"), config_of(profile, "text_encoder_2")
    width = TIME_IDS * int(unet.get("addition_time_embed_dim") or 0) + int(text.get("projection_dim") or 0)
    if text and unet.get("projection_class_embeddings_input_dim") != width:
        return "it is a Stable Diffusion XL refiner, which only retouches images; give the base model"
    return further_inputs(profile)


def load_backbone(profile: Profile, *, device: str = "cpu", dtype: torch.dtype | None = None) -> SDXLBackbone:
    """Load a profile's weights, float32 by default. Raises WeightsMissingError, which lists what is missing."""
    require_weights(profile)
    parts = load_parts(profile, device=device, dtype=dtype or torch.float32)
    return SDXLBackbone(weights_digest=weights_digest(profile), profile=profile, **parts)


def _embeds_time_ids(profile: Profile) -> bool:
    return config_of(profile, "unet").get("addition_embed_type") == "text_time"
