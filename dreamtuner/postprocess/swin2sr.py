"""Loads a Swin2SR (arXiv 2209.11345) from the folder that transformers saves, float32 on the CPU."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import torch
from PIL import Image
from transformers import Swin2SRForImageSuperResolution
from transformers.models.swin2sr.image_processing_pil_swin2sr import Swin2SRImageProcessorPil


def load_swin2sr(folder: Path) -> Callable[[Image.Image], Image.Image]:
    """Return a function that enlarges an RGB image by the model's `upscale`, deterministically."""
    model = Swin2SRForImageSuperResolution.from_pretrained(folder, local_files_only=True).eval()
    processor = Swin2SRImageProcessorPil(size_divisor=model.config.window_size)

    @torch.inference_mode()
    def enlarge(image: Image.Image) -> Image.Image:
        scale = model.config.upscale
        pixels = model(**processor(image, return_tensors="pt")).reconstruction[0]
        whole = (pixels.clamp(0, 1) * 255).round().to(torch.uint8).permute(1, 2, 0).numpy()
        # the processor pads to whole windows, at the right and at the bottom
        return Image.fromarray(whole[: image.height * scale, : image.width * scale])

    return enlarge
