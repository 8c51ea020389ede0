"""The family of Stable Diffusion XL for the registry: `reads`, `refusal`, `load_backbone` and `memory_need`."""

import torch

from dreamtuner.families.sdxl.backbone import SDXLBackbone
from dreamtuner.families.sdxl.finetune import memory_need
from dreamtuner.families.sdxl.load import load_parts
from dreamtuner.models.model_kind import conditioning, kind_problem
from dreamtuner.models.profiles import Profile
from dreamtuner.models.weights import require_weights, weights_digest

__all__ = ["load_backbone", "memory_need", "reads", "refusal"]


def reads(profile: Profile) -> bool:
    """Return whether the profile's folder contains the U-Net of a Stable Diffusion XL that makes images from text."""
    return conditioning(profile) == "text_time" and kind_problem(profile) is None


def refusal(profile: Profile) -> str | None:
    """Return why an XL model of another kind cannot be used: a refiner, or one that takes an image; None otherwise."""
    return kind_problem(profile) if conditioning(profile) == "text_time" else None


def load_backbone(profile: Profile, *, device: str = "cpu", dtype: torch.dtype | None = None) -> SDXLBackbone:
    """Load a profile's weights, float32 by default. Raises WeightsMissingError, which lists what is missing."""
    require_weights(profile)
    parts = load_parts(profile, device=device, dtype=dtype or torch.float32)
    return SDXLBackbone(weights_digest=weights_digest(profile), profile=profile, **parts)
