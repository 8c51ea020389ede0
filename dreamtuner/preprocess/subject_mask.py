"""Which mask a reference gets: the user's own, else its alpha channel, else the masker's; checked in every case."""

from dataclasses import replace

import numpy as np
from PIL import Image

from dreamtuner.preprocess.colour import split_alpha
from dreamtuner.preprocess.doubt import doubts
from dreamtuner.preprocess.foreground import ForegroundMask
from dreamtuner.preprocess.image import ImageError, ImageLimits, open_upright
from dreamtuner.preprocess.maskers import DEFAULT_MASKER, MASKERS, Masker, found_by

EMPTY = 0.004
"""Share of the picture below which a mask counts as all background: one of the 256 tokens of a 16 x 16 layer."""

FULL = 0.99
"""Share of the picture above which a mask counts as all foreground."""

ALL = "the mask marks the whole picture as subject, so it separates nothing"

_MASK_LIMITS = ImageLimits(min_side=1)  # a small mask is refused for its size against the picture, which says more


def foreground_mask(
    image: Image.Image,
    *,
    alpha: Image.Image | None = None,
    user_mask: bytes | Image.Image | None = None,
    masker: Masker | None = None,
) -> ForegroundMask:
    """The foreground mask of a decoded reference: `user_mask` wins over `alpha`, `alpha` over `masker`.

    Stated masks are doubted as found ones are: one that covers the border, is no black-and-white picture, is nearly
    empty or nearly full, or contradicts what stands out is taken, with a confidence below 1 and the reason in its
    `warnings`.

    A user's mask must have the picture's size, after EXIF orientation. Another size is refused even at the same
    proportions: whether it was scaled or cropped cannot be told from the file, and a wrong mask spoils every cell.

    Args:
        image: mode RGB.
        alpha: mode L, 0 transparent .. 255 opaque; 128 and more is subject. `decode_image` gives none where the file's
            says nothing about a subject.
        user_mask: a PNG, JPEG or WebP file, or a picture; white (128 and more) is subject, or, where it has
            transparency, what is not transparent.
        masker: the embedded one by default; asked only when there is neither `user_mask` nor `alpha`.

    Returns:
        The mask. One that is all foreground separates nothing: its confidence is 0 and it is doubtful, whoever made it.

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
    """The mask that a person gave as `grey` (mode L, 128 and more is subject) of a picture of the same size.

    Raises:
        ImageError: it is all background.
    """
    remedy = "paint the subject white (255) and everything else black (0)"
    return _stated(grey, image, "user", "the mask marks nothing as subject", remedy)


def read_mask(mask: bytes | Image.Image, ignored: list[str]) -> Image.Image:
    """A mask file or picture as mode L, 0..255: its transparency where it has any, else its brightness.

    What of the file was not used is added to `ignored`, a sentence each.

    Raises:
        ImageError: the file is not a picture that can be read; the reason begins with "the mask".
    """
    if isinstance(mask, Image.Image):
        picture = mask
    else:
        try:
            picture = open_upright(mask, limits=_MASK_LIMITS, ignored=ignored)
        except ImageError as refusal:
            raise ImageError(f"the mask cannot be used, {refusal.reason}", refusal.remedy) from refusal
    colours, alpha = split_alpha(picture)
    return alpha if alpha is not None else colours.convert("L")


def _stated(grey: Image.Image, image: Image.Image, method: str, empty: str, remedy: str) -> ForegroundMask:
    binary = Image.fromarray(np.where(np.asarray(grey) >= 128, 255, 0).astype(np.uint8))
    if _whole(binary, empty, remedy):
        return ForegroundMask(binary, confidence=0.0, method=method, doubtful=True, warnings=(ALL,))
    why = doubts(grey, image)
    return ForegroundMask(binary, 0.5 ** len(why), method, doubtful=bool(why), warnings=why)


def _whole(mask: Image.Image, empty: str, remedy: str) -> bool:
    """Whether a mask is all foreground; ImageError where it is all background."""
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
