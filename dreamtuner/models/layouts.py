"""Layout from a picture: depth maps and drawn skeletons, what a picture of each kind must be, and who can follow it.

Decided where the paper is silent:
- A picture follows at most one layout of each kind. Where it follows both, the residuals of the two ControlNets add up.
- A reference passes with its own layout of the kinds that the pictures follow. Of a kind that it lacks it passes
  without that ControlNet, never with an empty picture: an empty skeleton says that there is nobody.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Literal, get_args

import numpy as np
from PIL import Image

from dreamtuner.models.profiles import Profile

Kind = Literal["depth", "pose"]
KINDS: tuple[Kind, ...] = get_args(Kind)
Layouts = Mapping[Kind, Image.Image]
"""Where things are in a picture, a picture of each kind: near is bright for depth, a skeleton is drawn for pose."""

GREY = 12
"""How far apart the channels of a grey pixel may be, 0..255: JPEG and colour profiles leave a little."""
DARK = 48
"""The brightest that the black around a skeleton may be, 0..255."""


class LayoutError(ValueError):
    """A layout that cannot be followed; the message names what does not fit and the remedy."""


def fitted(kind: Kind, image: Image.Image, side: int) -> Image.Image:
    """The layout of a picture of `side` pixels: RGB, of that side.

    Raises:
        LayoutError: it is not square, its side is not a multiple of the picture's, or it is not of its kind.
    """
    if image.width != image.height:
        raise LayoutError(f"{kind}: the layout is {image.width} x {image.height} pixels; make it square")
    if image.width < side:
        raise LayoutError(
            f"{kind}: the layout is {image.width} pixels wide, the picture {side}; give one at least as large"
        )
    if image.width % side:
        raise LayoutError(
            f"{kind}: the layout is {image.width} pixels wide, no multiple of the picture's {side}; scale it to {side}"
        )
    rgb = checked(kind, image)
    return rgb if rgb.width == side else rgb.resize((side, side), Image.Resampling.BOX)


def checked(kind: Kind, image: Image.Image) -> Image.Image:
    """As RGB. LayoutError unless a depth map is grey, a skeleton drawn in colours on black, and there is something.

    A layout of one colour says nothing; it is refused rather than drawn by the prompt alone.
    """
    if kind not in KINDS:
        raise LayoutError(f"layout: {kind!r} is not one of {', '.join(KINDS)}")
    rgb = image.convert("RGB")
    pixels = np.asarray(rgb).astype(np.int16)
    if pixels.min() == pixels.max():
        raise LayoutError(f"{kind}: the layout is of one colour; it says nothing")
    coloured = int(np.ptp(pixels, axis=2).max()) > GREY
    if kind == "depth" and coloured:
        raise LayoutError("depth: the layout has colours, a depth map is grey; is it a skeleton or a photograph?")
    if kind == "pose" and not coloured:
        raise LayoutError("pose: the layout is grey, a skeleton is drawn in colours; is it a depth map?")
    if kind == "pose" and np.median(pixels.max(axis=2)) > DARK:
        raise LayoutError("pose: most of the layout is not black, a skeleton is drawn on black; is it a photograph?")
    return rgb


def part_of(kind: Kind) -> str:
    """The folder of the ControlNet of this kind, in that of a profile's weights."""
    return f"controlnet-{kind}"


def kinds_of(profile: Profile) -> list[Kind]:
    """The kinds of layout that the profile has a ControlNet for."""
    return [kind for kind in KINDS if (profile.weights / part_of(kind)).is_dir()]


def require_controlnet(profile: Profile, kind: Kind) -> None:
    """LayoutError where the profile has no ControlNet of this kind."""
    have = kinds_of(profile)
    if kind not in have:
        known = f"it has {', '.join(have)}" if have else "it follows no layouts"
        raise LayoutError(
            f"{kind}: the profile {profile.name} has no ControlNet of this kind; {known}; get it with: {profile.remedy}"
        )
