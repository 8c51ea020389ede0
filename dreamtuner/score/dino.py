"""A DINO model that embeds images by its CLS token, by the protocol of DreamBooth.

Images are resized to 256 pixels at the shorter side (bicubic), cropped to 224 x 224 in the middle, and normalised by
ImageNet's mean and deviation: Caron et al., "Emerging Properties in Self-Supervised Vision Transformers", 2021, in the
evaluation of its released code, which the authors of DreamBooth name as theirs. The same holds for DINOv2.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from PIL import Image
from torch import Tensor
from transformers import Dinov2Model, ViTModel
from transformers.models.bit.image_processing_pil_bit import BitImageProcessorPil

MEAN, DEVIATION = (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)
"""Of ImageNet's pixels, red, green and blue, 0..1."""


@dataclass(frozen=True, eq=False)
class DinoModel:
    """A frozen ViTModel or Dinov2Model."""

    model: Any

    @torch.inference_mode()
    def embed_images(self, images: Sequence[Image.Image]) -> Tensor:
        """Embed N images as N D unit vectors, float32, on the CPU: the CLS token after the last layer's norm."""
        pixels = dino_pixels(images).to(self.model.device, self.model.dtype)
        more = {"interpolate_pos_encoding": True} if isinstance(self.model, ViTModel) else {}
        tokens = self.model(pixels, **more).last_hidden_state
        unit: Tensor = torch.nn.functional.normalize(tokens[:, 0].float(), dim=-1).cpu()
        return unit


def dino_pixels(images: Sequence[Image.Image]) -> Tensor:
    """Return N images as a tensor (N, 3, 224, 224), normalised."""
    processor = BitImageProcessorPil(
        size={"shortest_edge": 256},
        crop_size={"height": 224, "width": 224},
        resample=Image.Resampling.BICUBIC,
        image_mean=MEAN,
        image_std=DEVIATION,
    )
    pixels: Tensor = processor([one.convert("RGB") for one in images], return_tensors="pt")["pixel_values"]
    return pixels


def load_dino_folder(folder: Path, *, device: str = "cpu") -> DinoModel:
    """Load a DINO model in float32. Raises ValueError if the folder has another model."""
    kind = json.loads((folder / "config.json").read_text(encoding="utf-8")).get("model_type")
    if kind not in ("vit", "dinov2"):
        raise ValueError(f"{folder} is a model of type {kind!r}, not a DINO or DINOv2; set it to the right folder")
    where: dict[str, Any] = {"dtype": torch.float32, "local_files_only": True}
    model: Any
    if kind == "vit":
        model = ViTModel.from_pretrained(folder, add_pooling_layer=False, **where)
    else:
        model = Dinov2Model.from_pretrained(folder, **where)
    return DinoModel(model.requires_grad_(False).eval().to(device))
