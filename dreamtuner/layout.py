"""Layout from a picture: depth maps and skeletons, and the ControlNets of a profile that follow them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Literal, get_args

import numpy as np
import torch
from diffusers import ControlNetModel
from PIL import Image
from torch import Tensor

from dreamtuner.profiles import Profile

Kind = Literal["depth", "pose"]
KINDS: tuple[Kind, ...] = get_args(Kind)


class LayoutRefused(ValueError):
    """A layout that cannot be followed; the message names what does not fit and the remedy."""


@dataclass(frozen=True)
class Layout:
    """Where things are in a picture. `image`: near is bright for depth, a drawn skeleton for pose."""

    kind: Kind
    image: Image.Image


def layout_pixels(layout: Layout, side: int) -> Tensor:
    """The layout as its ControlNet reads it: 3 side side in 0..1.

    Raises:
        LayoutRefused: it is not square, smaller than the picture, or without content; a depth map has colours.
    """
    image = layout.image
    if layout.kind not in KINDS:
        raise LayoutRefused(f"layout: {layout.kind!r} is not one of {', '.join(KINDS)}")
    if image.width != image.height:
        raise LayoutRefused(f"{layout.kind}: the layout is {image.width} x {image.height} pixels; make it square")
    if image.width < side:
        raise LayoutRefused(
            f"{layout.kind}: the layout is {image.width} pixels wide, the picture {side}; give one at least as large"
        )
    rgb = image.convert("RGB")
    pixels = np.asarray(rgb)
    if pixels.min() == pixels.max():
        raise LayoutRefused(f"{layout.kind}: the layout is of one colour; it says nothing")
    if layout.kind == "depth" and int(np.ptp(pixels.astype(np.int16), axis=2).max()) > 12:
        raise LayoutRefused("depth: the layout has colours, a depth map is grey; is it a skeleton or a photograph?")
    if layout.kind == "pose" and int(np.ptp(pixels.astype(np.int16), axis=2).max()) <= 12:
        raise LayoutRefused("pose: the layout is grey, a skeleton is drawn in colours; is it a depth map?")
    fitted = rgb if rgb.width == side else rgb.resize((side, side), Image.Resampling.BOX)
    return torch.from_numpy(np.asarray(fitted).copy()).permute(2, 0, 1).float() / 255


def kinds_of(profile: Profile) -> list[Kind]:
    """The kinds of layout that the profile has a ControlNet for."""
    return [kind for kind in KINDS if (profile.weights / f"controlnet-{kind}").is_dir()]


def load_controlnet(profile: Profile, kind: Kind, *, device: str = "cpu", dtype: torch.dtype | None = None) -> Any:
    """The profile's ControlNet of this kind, frozen. LayoutRefused where the profile has none."""
    folder = profile.weights / f"controlnet-{kind}"
    if not folder.is_dir():
        have = kinds_of(profile)
        known = f"it has {', '.join(have)}" if have else "it follows no layouts"
        raise LayoutRefused(f"{kind}: the profile {profile.name} has no ControlNet of this kind; {known}")
    model = ControlNetModel.from_pretrained(folder, torch_dtype=dtype or torch.float32, local_files_only=True)
    return model.requires_grad_(False).eval().to(device)
