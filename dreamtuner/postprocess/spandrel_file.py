"""Loads an upscaler from a single file by the library spandrel, which recognises its architecture."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import torch
from PIL import Image
from spandrel import ImageModelDescriptor, ModelLoader


def load_spandrel(file: Path) -> Callable[[Image.Image], Image.Image]:
    """Return a function that enlarges an RGB image by the model's scale. Raises ValueError if it is not an upscaler."""
    found = ModelLoader(device="cpu").load_from_file(str(file))
    if not isinstance(found, ImageModelDescriptor) or found.input_channels != 3 or found.scale < 2:
        raise ValueError(f"{file} is not a model that enlarges RGB images; choose another file")
    model = found.eval()

    @torch.inference_mode()
    def enlarge(image: Image.Image) -> Image.Image:
        pixels = torch.from_numpy(np.asarray(image.convert("RGB")).copy()).permute(2, 0, 1)[None].float() / 255
        whole = (model(pixels)[0].clamp(0, 1) * 255).round().to(torch.uint8).permute(1, 2, 0).numpy()
        return Image.fromarray(whole)

    return enlarge
