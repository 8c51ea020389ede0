"""The family of Stable Diffusion 1.x and 2.x for the registry: `reads`, `refusal`, `load_backbone`, `memory_need`."""

import torch

from dreamtuner.families.unet.backbone import UNetBackbone
from dreamtuner.families.unet.finetune_memory import memory_need
from dreamtuner.families.unet.load import load_parts
from dreamtuner.models.model_kind import conditioning, kind_problem
from dreamtuner.models.profiles import Profile
from dreamtuner.models.weights import require_weights, weights_digest

__all__ = ["load_backbone", "memory_need", "reads", "refusal"]


def reads(profile: Profile) -> bool:
    """Return whether the profile's folder contains a U-Net that makes images from text states alone."""
    return conditioning(profile) == "none" and kind_problem(profile) is None


def refusal(profile: Profile) -> str | None:
    """Return why a U-Net that takes more than noise and text cannot be used; None for any other model."""
    return kind_problem(profile) if conditioning(profile) == "none" else None


def load_backbone(profile: Profile, *, device: str = "cpu", dtype: torch.dtype | None = None) -> UNetBackbone:
    """Load a profile's weights, float32 by default. Raises WeightsMissingError, which lists what is missing."""
    require_weights(profile)
    parts = load_parts(profile, device=device, dtype=dtype or torch.float32)
    return UNetBackbone(weights_digest=weights_digest(profile), profile=profile, **parts)
