"""Keeps the background of a picture while its subject is generated again.

After every step the latents outside of the subject are replaced by those of the picture, noised to the level that is
reached (Blended Latent Diffusion, arXiv 2206.02779, Sec. 3.1):

    x_s <- m x_s + (1 - m) q(x_s | x^p_0, z)        x^p_0: latents of the picture, m: 1 where the subject may be

Decided where that paper is silent:
- z is the noise that the image starts from. At the seed of the picture both sides of the border then come from the same
  noise as the picture itself did, and nothing has to be inverted.
- m is the subject's mask, grown by `GROWTH`: a smile needs no room, but an edge and a shadow do.
- At the end pixels outside of m are the picture's own, since an autoencoder changes all of them a little. Between the
  two edges of m they are mixed.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import cv2
import numpy as np
import torch
import torch.nn.functional as F
from PIL import Image, ImageChops, ImageFilter
from torch import Tensor

from dreamtuner.families.backbone import Parts
from dreamtuner.sampling.loop import OnStep
from dreamtuner.settings.sampling import Sampling

GROWTH = 1 / 16
"""By how much the subject's mask is grown, as a fraction of the picture's longer side."""
SAME_SHAPE = 0.02
"""The largest relative difference of two aspect ratios that counts as rounding."""


@dataclass(frozen=True)
class Background:
    """A picture whose background is kept. `image`: RGB; `mask`: L of its size, 255 where its subject is."""

    image: Image.Image
    mask: Image.Image


@dataclass(frozen=True, eq=False)
class PreparedBackground:
    """A background as the model sees it.

    `x_0`: C H W latents of the picture; `inside`: H W, 1 where the subject may be, else 0; `image`: the picture at the
    size of the images; `cover`: L, how much of each pixel of a finished image is its own.
    """

    x_0: Tensor
    inside: Tensor
    image: Image.Image
    cover: Image.Image

    def blending(self, scheduler: Any, z: Tensor) -> OnStep:
        """Return what replaces the latents outside of the subject after each step.

        `scheduler`: the one that the loop steps; z: N C H W, the noise that the images start from, of unit variance.
        """
        timesteps = scheduler.timesteps
        x_0, inside = self.x_0.to(z), self.inside.to(z)

        def blend(step: int, x: Tensor) -> Tensor:
            known = x_0.expand_as(x)
            if step + 1 < len(timesteps):
                t = timesteps[step + 1 : step + 2].expand(len(x))
                known = scheduler.add_noise(known, z, t)
            return torch.where(inside > 0, x, known.to(x))

        return blend

    def finish(self, image: Image.Image) -> Image.Image:
        """Return the finished image with the picture's own pixels outside of the subject."""
        return Image.composite(image, self.image, self.cover)


def prepare_background(parts: Parts, background: Background | None, sampling: Sampling) -> PreparedBackground | None:
    """Encode a background; None if there is none.

    Raises ValueError if it has another shape than the images, or if a second pass would generate all of it again.
    """
    if background is None:
        return None
    if sampling.second_pass > 1:
        raise ValueError("background: a second pass generates all of the image again; set sampling.second_pass to 1")
    size = (sampling.width, sampling.height)
    own, wanted = background.image.width / background.image.height, size[0] / size[1]
    if abs(own / wanted - 1) > SAME_SHAPE:
        raise ValueError(
            f"background: the picture has {background.image.width} x {background.image.height} pixels and the images "
            f"{size[0]} x {size[1]}; give them one shape by sampling.size"
        )
    if background.mask.size != background.image.size:
        raise ValueError(
            f"background: the mask is {background.mask.size} and the picture {background.image.size} pixels; give "
            "them one size"
        )
    image = background.image.convert("RGB").resize(size, Image.Resampling.LANCZOS)
    mask = background.mask.convert("L").resize(size, Image.Resampling.BOX).point(lambda value: 255 * (value > 127))
    x_0 = parts.encode_image(image)
    grown = _grown(mask, GROWTH)
    pixels = torch.frombuffer(bytearray(grown.tobytes()), dtype=torch.uint8).view(1, 1, size[1], size[0]).float() / 255
    inside = F.adaptive_max_pool2d(pixels, (x_0.shape[1], x_0.shape[2]))[0, 0].to(x_0.device)
    soft = _grown(mask, GROWTH / 2).filter(ImageFilter.BoxBlur(GROWTH / 2 * max(size)))
    return PreparedBackground(x_0, inside, image, ImageChops.darker(soft, grown))


def _grown(mask: Image.Image, share: float) -> Image.Image:
    """Grow a binary mask by a share of its longer side, in pixels."""
    reach = round(share * max(mask.size))
    if reach == 0:
        return mask
    square = np.ones((2 * reach + 1, 2 * reach + 1), np.uint8)
    return Image.fromarray(cv2.dilate(np.asarray(mask), square))  # as PIL's MaxFilter, whose time grows with its area
