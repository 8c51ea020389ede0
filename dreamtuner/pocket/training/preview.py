"""Generates previews of the U-Net during its training, for the report."""

from __future__ import annotations

from typing import Any

import torch
from PIL import Image

PROMPTS = (
    "a photo of a bear on the beach, arms up, smiling",
    "a drawing of a robot at night, sitting, mouth open",
    "a photo of a duck in the forest, jumping, eyes closed",
    "a drawing of a cat in the city, waving",
    "a photo of a frog in a room, running, smiling",
    "a drawing of a rabbit in the snow, standing, eyes closed",
)


def generate_preview(pipe: Any) -> Image.Image:
    """Generate a row of images, 64 pixels high: one per prompt, with its index as the seed."""
    pipe.set_progress_bar_config(disable=True)
    generators = [torch.Generator().manual_seed(i) for i in range(len(PROMPTS))]
    images = pipe(list(PROMPTS), num_inference_steps=20, guidance_scale=4.0, generator=generators).images
    row = Image.new("RGB", (sum(image.width for image in images), images[0].height))
    for i, image in enumerate(images):
        row.paste(image, (i * image.width, 0))
    return row
