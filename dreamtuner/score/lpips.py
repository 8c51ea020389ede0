"""Computes LPIPS by AlexNet: how far apart two images are in the features of five convolutions, weighted by channel.

Zhang et al., "The Unreasonable Effectiveness of Deep Features as a Perceptual Metric", 2018, section 3.2, equation 1,
in the released version 0.1. The features are those of Krizhevsky, "One weird trick for parallelizing convolutional
neural networks", 2014, in the weights that torchvision publishes; the layers are written here in torch alone.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
import torch.nn.functional as F
from PIL import Image, ImageOps
from torch import Tensor, nn

from dreamtuner.score.tensor_file import read_tensors

SIDE = 256
"""Both images are compared as squares of this many pixels: resized at the shorter side (bicubic), cropped in the
middle. The distance depends on the size, and the two must have the same."""

SHIFT, SCALE = (-0.030, -0.088, -0.188), (0.458, 0.448, 0.450)
"""Of red, green and blue in -1..1: what version 0.1 subtracts and divides by, ImageNet's mean and deviation."""

_CONVOLUTIONS = ((0, 3, 64, 11, 4, 2), (3, 64, 192, 5, 1, 2), (6, 192, 384, 3, 1, 1), (8, 384, 256, 3, 1, 1))
CONVOLUTIONS = (*_CONVOLUTIONS, (10, 256, 256, 3, 1, 1))
"""Place in torchvision's `features`, channels in and out, kernel, stride, padding; the second and the third follow a
maximum over 3 x 3 pixels at stride 2."""
POOLED = (3, 6)


class AlexFeatures(nn.Module):
    """The convolutions of AlexNet; its names are those of torchvision's state."""

    def __init__(self) -> None:
        super().__init__()
        self.features = nn.ModuleDict(
            {str(at): nn.Conv2d(a, b, kernel, stride, pad) for at, a, b, kernel, stride, pad in CONVOLUTIONS}
        )

    def forward(self, x: Tensor) -> list[Tensor]:
        """Return the five activations after ReLU of pixels (B, 3, H, W), which SHIFT and SCALE have normalised."""
        found = []
        for at, *_ in CONVOLUTIONS:
            if at in POOLED:
                x = F.max_pool2d(x, kernel_size=3, stride=2)
            x = self.features[str(at)](x).relu()
            found.append(x)
        return found


@dataclass(frozen=True, eq=False)
class LpipsModel:
    """Frozen features, and the weight of each channel, one vector per convolution."""

    alex: AlexFeatures
    weights: tuple[Tensor, ...]

    @torch.inference_mode()
    def distances(self, images: Sequence[Image.Image], reference: Image.Image) -> list[float]:
        """Return the LPIPS of each image and the reference, 0 for equal ones."""
        device = self.weights[0].device
        target = self.alex(lpips_pixels([reference]).to(device))
        total: Any = 0.0
        for ours, theirs, weight in zip(self.alex(lpips_pixels(images).to(device)), target, self.weights, strict=True):
            differences = (_unit(ours) - _unit(theirs)).square()
            total = total + torch.einsum("bchw,c->bhw", differences, weight).mean((1, 2))
        distances: list[float] = total.tolist()
        return distances


def lpips_pixels(images: Sequence[Image.Image]) -> Tensor:
    """Return N images as normalised pixels (N, 3, SIDE, SIDE)."""
    fitted = [ImageOps.fit(one.convert("RGB"), (SIDE, SIDE), Image.Resampling.BICUBIC) for one in images]
    pixels = torch.from_numpy(np.stack([np.asarray(one) for one in fitted])).permute(0, 3, 1, 2).float() / 127.5 - 1
    shift, scale = (torch.tensor(one)[:, None, None] for one in (SHIFT, SCALE))
    return (pixels - shift) / scale


def load_lpips_files(alexnet: Path, linear: Path, *, device: str = "cpu") -> LpipsModel:
    """Load torchvision's AlexNet, of which the convolutions are kept, and the linear weights of version 0.1.

    Raises ValueError if one of the files is another one.
    """
    alex = AlexFeatures()
    stated = {name: value for name, value in read_tensors(alexnet).items() if name.startswith("features.")}
    try:
        alex.load_state_dict(stated)
    except RuntimeError as error:
        raise ValueError(f"{alexnet} is not the state of torchvision's AlexNet; fetch it again") from error
    weights = _channel_weights(linear, read_tensors(linear))
    alex.requires_grad_(False).eval().to(device)
    return LpipsModel(alex, tuple(one.to(device) for one in weights))


def _channel_weights(file: Path, tensors: Mapping[str, Tensor]) -> list[Tensor]:
    found = []
    for i, (_, _, channels, *_) in enumerate(CONVOLUTIONS):
        weight = tensors.get(f"lin{i}.model.1.weight")
        if weight is None or weight.shape != (1, channels, 1, 1):
            raise ValueError(f"{file} has no lin{i}.model.1.weight of {channels} channels; use lpips' alex.pth")
        found.append(weight.flatten().float())
    return found


def _unit(features: Tensor) -> Tensor:
    """Divide the features (B, C, H, W) of each place by their length over the channels."""
    return features / (features.square().sum(1, keepdim=True).sqrt() + 1e-10)
