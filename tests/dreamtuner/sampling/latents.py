"""Latents of what a backbone decodes: more than the eight bits of its images."""

from typing import Any

from PIL import Image
from torch import Tensor

from dreamtuner.families.unet.backbone import UNetBackbone


class LatentsKept:
    """Stands in for a backbone whose decoder keeps the latents, so that a test sees more than eight bits."""

    def __init__(self, backbone: UNetBackbone) -> None:
        self._backbone, self.latents = backbone, []

    def __getattr__(self, name: str) -> Any:
        return getattr(self._backbone, name)

    def decode(self, x_0: Tensor) -> list[Image.Image]:
        self.latents += list(x_0)
        return self._backbone.decode(x_0)
