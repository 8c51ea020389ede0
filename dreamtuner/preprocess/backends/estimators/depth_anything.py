"""Depth maps by Depth Anything V2, small.

Yang et al., "Depth Anything V2", 2024. As in its released code the image is resized to 518 pixels at the shorter side,
both being multiples of 14 (bicubic). The predicted inverse depth is resized back as transformers does, bicubic without
aligned corners (the released code: bilinear with them), and scaled to its range, as ControlNets of depth expect it.
It gives no confidence.
"""

from __future__ import annotations

from functools import lru_cache
from pathlib import Path
from typing import Any, ClassVar

from PIL import Image

from dreamtuner.preprocess.backends.auxiliary import AuxiliaryBackend


class DepthAnything(AuxiliaryBackend):
    """Estimates relative depth: the nearest point of the image is white, the farthest black."""

    name = "depth-anything-v2-small"
    model = "depth-anything-v2-small"
    kind: ClassVar[str] = "depth"

    def estimate(self, image: Image.Image) -> Image.Image:
        """Return the depth map of an RGB image, mode L, of its size. Raises WeightsMissingError."""
        import torch

        model, processor = _loaded(self.place(), self.version)
        width, height = input_size(image.size, processor.size["height"], processor.ensure_multiple_of)
        size = {"height": height, "width": width}
        pixels = processor(image.convert("RGB"), size=size, keep_aspect_ratio=False, return_tensors="pt")
        with torch.inference_mode():
            found = model(**pixels)
        target = [(image.height, image.width)]
        depth = processor.post_process_depth_estimation(found, target_sizes=target)[0]["predicted_depth"]
        low, high = depth.min(), depth.max()
        grey = (depth - low) / (high - low).clamp(min=1e-9)
        return Image.fromarray((grey * 255).round().byte().numpy())


def input_size(size: tuple[int, int], side: int, multiple: int) -> tuple[int, int]:
    """Return width and height that the model is given: `side` at the shorter one, both multiples, in proportion."""
    scale = side / min(size)
    width, height = (max(side, round(one * scale / multiple) * multiple) for one in size)
    return width, height


@lru_cache(maxsize=1)
def _loaded(folder: Path, version: str) -> tuple[Any, Any]:
    """Load model and image processor. `version` is part of the key: it changes when the files do."""
    from transformers import DepthAnythingForDepthEstimation
    from transformers.models.dpt.image_processing_pil_dpt import DPTImageProcessorPil

    model = DepthAnythingForDepthEstimation.from_pretrained(folder, local_files_only=True).float().eval()
    return model, DPTImageProcessorPil.from_pretrained(folder, local_files_only=True)
