"""Chooses the mask of a reference: the user's, else its alpha channel, else the masker's; always validates it."""

from dataclasses import replace

import numpy as np
from PIL import Image

from dreamtuner.preprocess.colour import split_alpha
from dreamtuner.preprocess.doubt import doubts
from dreamtuner.preprocess.foreground import ForegroundMask
from dreamtuner.preprocess.image import ImageError, ImageLimits, open_upright
from dreamtuner.preprocess.maskers import DEFAULT_MASKER, MASKERS, Masker, found_by

EMPTY = 0.004
"""Share of the image below which a mask counts as all background: one of the 256 tokens of a 16 x 16 layer."""

FULL = 0.99
"""Share of the image above which a mask counts as all foreground."""

ALL = "the mask marks the whole picture as subject, so it separates nothing"

_MASK_LIMITS = ImageLimits(
    min_side=1
)  # a small mask is rejected by comparison with the image's size, which is more helpful


def foreground_mask(
    image: Image.Image,
    *,
    alpha: Image.Image | None = None,
    user_mask: bytes | Image.Image | None = None,
    masker: Masker | None = None,
) -> ForegroundMask:
    """Return the foreground mask of a decoded reference: `user_mask` wins over `alpha`, `alpha` over `masker`.

    A given mask is checked for plausibility: one that covers the border, is not black and white, is nearly empty or
    nearly full, or contradicts the image's saliency is accepted, but with a confidence below 1 and the reason in its
    `warnings`.

    A user's mask must have the image's size, after EXIF orientation. Another size is rejected even at the same aspect
    ratio: whether the mask was scaled or cropped is unknown, and a wrong mask spoils every generated image.

    Args:
        image: mode RGB.
        alpha: mode L, 0 transparent .. 255 opaque; >= 128 is subject. `decode_image` returns None if the channel marks
            no subject.
        user_mask: a PNG, JPEG or WebP file, or an image; white (>= 128) is subject, or, if it has transparency, all
            that is opaque.
        masker: the built-in one by default; used only if neither `user_mask` nor `alpha` is given.

    Returns:
        The mask. One that is all foreground separates nothing: its confidence is 0 and it is doubtful in every case.

    Raises:
        ImageError: a mask of another size, an unreadable one, or one that is all background.
    """
    if user_mask is not None:
        ignored: list[str] = []
        grey = read_mask(user_mask, ignored)
        _check_size(grey, image, "the mask")
        return replace(stated_mask(grey, image), notes=tuple(f"the mask's file: {one}" for one in ignored))
    if alpha is not None:
        _check_size(alpha, image, "the alpha channel")
        return _stated(
            alpha,
            image,
            "alpha",
            "the picture is transparent all over",
            "keep the subject opaque, or give a mask of its own",
        )
    found = found_by(masker or MASKERS[DEFAULT_MASKER], image)
    remedy = "use a picture with a clear subject, or give a mask of your own"
    if _whole(found.mask, "nothing stands out from the background", remedy):
        return replace(found, confidence=0.0, doubtful=True, warnings=(ALL,))
    if found.doubtful and not found.warnings:
        return replace(found, warnings=(f"the mask was found with a confidence of {found.confidence:.2f} only",))
    return found


def stated_mask(grey: Image.Image, image: Image.Image) -> ForegroundMask:
    """Return the mask that a user gave as `grey` (mode L, >= 128 is subject) for an image of the same size.

    Raises:
        ImageError: it is all background.
    """
    remedy = "paint the subject white (255) and everything else black (0)"
    return _stated(grey, image, "user", "the mask marks nothing as subject", remedy)


def assessed(mask: ForegroundMask, grey: Image.Image, image: Image.Image) -> ForegroundMask:
    """Return a mask that was given, with its confidence and the reasons to doubt it.

    `grey`: the mask as it was given (mode L, >= 128 is subject); `image`: what it belongs to, RGB, of the same size.
    """
    why = doubts(grey, image)
    return replace(mask, confidence=0.5 ** len(why), doubtful=bool(why), warnings=why)


def read_mask(mask: bytes | Image.Image, ignored: list[str]) -> Image.Image:
    """Read a mask file or image as mode L, 0..255: its alpha channel if it has one, else its brightness.

    What of the file was ignored is added to `ignored`, one sentence each.

    Raises:
        ImageError: the file is not a readable image; the reason begins with "the mask".
    """
    if isinstance(mask, Image.Image):
        picture = mask
    else:
        try:
            picture = open_upright(mask, limits=_MASK_LIMITS, ignored=ignored)
        except ImageError as error:
            raise ImageError(f"the mask cannot be used, {error.reason}", error.remedy) from error
    colours, alpha = split_alpha(picture)
    return alpha if alpha is not None else colours.convert("L")


def _stated(grey: Image.Image, image: Image.Image, method: str, empty: str, remedy: str) -> ForegroundMask:
    binary = Image.fromarray(np.where(np.asarray(grey) >= 128, 255, 0).astype(np.uint8))
    if _whole(binary, empty, remedy):
        return ForegroundMask(binary, confidence=0.0, method=method, doubtful=True, warnings=(ALL,))
    return assessed(ForegroundMask(binary, 1.0, method, doubtful=False), grey, image)


def _whole(mask: Image.Image, empty: str, remedy: str) -> bool:
    """Return whether a mask is all foreground. Raises ImageError if it is all background."""
    share = float(np.asarray(mask, dtype=bool).mean())
    if share < EMPTY:
        raise ImageError(f"{empty} ({share:.2%} of it is foreground)", remedy)
    return share > FULL


def _check_size(mask: Image.Image, image: Image.Image, name: str) -> None:
    if mask.size == image.size:
        return
    turned = mask.size == image.size[::-1]
    raise ImageError(
        f"{name} is {mask.width} x {mask.height} pixels, the picture {image.width} x {image.height}"
        + (" once it is turned as its EXIF orientation says" if turned else ""),
        f"save the mask at {image.width} x {image.height}",
    )
