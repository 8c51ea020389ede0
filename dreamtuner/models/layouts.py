"""Control images: their kinds, such as poses and depth maps, how each is validated, and which profiles support it.

Decided where the paper is silent:
- An image is conditioned on at most one control image of each kind. With several kinds, the residuals of their
  ControlNets are summed, each scaled by `sampling.control_weights`.
- A reference is encoded with its own control images of the kinds that the generated images use. If it has none of a
  kind, it is encoded without that ControlNet, never with an empty image: an empty skeleton means that nobody is there.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from typing import Annotated

from PIL import Image
from pydantic import AfterValidator

from dreamtuner.models.profiles import CONTROLNET, SAME_KINDS, Profile

Kind = str
"""The kind of a control image and of the ControlNet that reads it: pose, depth, canny, lineart ..."""
OWN_FIELDS: tuple[Kind, ...] = ("depth", "pose")
"""The kinds that have fields of their own in specs and columns in the catalog, and whose look is validated."""
Layouts = Mapping[Kind, Image.Image]
"""Control images by kind. Depth: grey, near is bright; pose: a coloured skeleton on black."""

_KIND = re.compile(r"[a-z][a-z0-9_-]{0,31}")

GREY = 12
"""Largest difference between the channels of a grey pixel, 0..255: JPEG and colour profiles leave a little."""
DARK = 48
"""Largest brightness of the black around a skeleton, 0..255."""


class LayoutError(ValueError):
    """A control image that cannot be used; the message names the problem and the remedy."""


def kind_name(stated: str) -> Kind:
    """Validate the name of a kind; openpose is called pose here. Raises ValueError."""
    if not _KIND.fullmatch(stated):
        raise ValueError(f"{stated!r} is not a kind of control image; write a name such as canny, in small letters")
    return SAME_KINDS.get(stated, stated)


KindName = Annotated[str, AfterValidator(kind_name)]


def in_order(kinds: Iterable[Kind]) -> tuple[Kind, ...]:
    """Return the kinds in the order in which their ControlNets run: depth and pose first, then by name."""
    return tuple(sorted(set(kinds), key=lambda kind: (kind not in OWN_FIELDS, kind)))


def fitted(kind: Kind, image: Image.Image, size: int | tuple[int, int]) -> Image.Image:
    """Validate a control image and resize it to `size`: width and height, or the side of a square. Returns RGB.

    Raises:
        LayoutError: it is neither of the image's size nor a whole multiple of it, or it is not of its kind.
    """
    width, height = (size, size) if isinstance(size, int) else size
    is_, one = f"{kind}: the control image is", f"{width} x {height}"
    if image.width * height != image.height * width:
        shape = "square" if width == height else f"{one}, or a whole multiple of it"
        raise LayoutError(f"{is_} {image.width} x {image.height} pixels; make it {shape}")
    if image.width < width:
        raise LayoutError(f"{is_} {image.width} pixels wide, the image {width}; give one at least as large")
    if image.width % width or image.height % height:
        remedy = width if width == height else one
        raise LayoutError(f"{is_} {image.width} pixels wide, not a multiple of {width}; resize it to {remedy}")
    rgb = checked(kind, image)
    return rgb if rgb.size == (width, height) else rgb.resize((width, height), Image.Resampling.BOX)


def checked(kind: Kind, image: Image.Image) -> Image.Image:
    """Validate a control image and return it as RGB.

    Raises LayoutError unless a depth map is grey and a skeleton is coloured on black; images of other kinds may look
    like anything. An image of a single colour carries no information; it is rejected, since the result would follow
    the prompt alone.
    """
    import numpy as np  # here: planning knows the kinds without it

    rgb = image.convert("RGB")
    pixels = np.asarray(rgb).astype(np.int16)
    if pixels.min() == pixels.max():
        raise LayoutError(f"{kind}: the control image has a single colour; give one that shows something")
    coloured = int(np.ptp(pixels, axis=2).max()) > GREY
    if kind == "depth" and coloured:
        raise LayoutError("depth: the image has colours, but a depth map is grey; is it a skeleton or a photograph?")
    if kind == "pose" and not coloured:
        raise LayoutError("pose: the image is grey, but a skeleton is coloured; is it a depth map?")
    if kind == "pose" and np.median(pixels.max(axis=2)) > DARK:
        raise LayoutError("pose: most of the image is not black, but a skeleton is on black; is it a photograph?")
    return rgb


def part_of(kind: Kind) -> str:
    """Return the name of the folder, inside a profile's weights, that holds the ControlNet of this kind."""
    return f"{CONTROLNET}{kind}"


def kinds_of(profile: Profile) -> list[Kind]:
    """Return the kinds of control image that the profile has a ControlNet for."""
    inside = (folder.name.removeprefix(CONTROLNET) for folder in profile.weights.glob(f"{CONTROLNET}*"))
    return [
        kind
        for kind in in_order(map(kind_name, (*inside, *profile.controlnets)))
        if profile.folder(part_of(kind)).is_dir()
    ]


def require_controlnet(profile: Profile, kind: Kind) -> None:
    """Raise LayoutError if the profile has no ControlNet of this kind."""
    if (lacking := lacking_controlnet(profile, kind)) is not None:
        raise LayoutError(f"{kind}: {lacking}; get it with: {profile.remedy}")


def lacking_controlnet(profile: Profile, kind: Kind) -> str | None:
    """Return a sentence if the profile has no ControlNet of this kind, with those it has; else None."""
    have = kinds_of(profile)
    if kind in have:
        return None
    known = f"it has {', '.join(have)}" if have else "it has no ControlNets"
    return f"the profile {profile.name} has no ControlNet of this kind; {known}"
