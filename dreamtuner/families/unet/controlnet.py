"""The ControlNets of a profile, and layouts as they read them."""

from __future__ import annotations

from typing import Any

import numpy as np
import torch
from diffusers import ControlNetModel
from PIL import Image
from torch import Tensor

from dreamtuner.models.layouts import Kind, demand_kind, fitted, part_of
from dreamtuner.models.profiles import Profile


def layout_pixels(kind: Kind, image: Image.Image, side: int) -> Tensor:
    """The layout of a picture of `side` pixels: 3 side side in 0..1. LayoutRefused as `fitted`."""
    pixels = np.asarray(fitted(kind, image, side)).copy()
    return torch.from_numpy(pixels).permute(2, 0, 1).float() / 255


def load_controlnet(profile: Profile, kind: Kind, *, device: str = "cpu", dtype: torch.dtype | None = None) -> Any:
    """The profile's ControlNet of this kind, frozen. LayoutRefused where the profile has none."""
    demand_kind(profile, kind)
    folder = profile.weights / part_of(kind)
    model = ControlNetModel.from_pretrained(folder, torch_dtype=dtype or torch.float32, local_files_only=True)
    return model.requires_grad_(False).eval().to(device)
