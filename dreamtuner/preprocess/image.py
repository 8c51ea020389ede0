"""Decodes untrusted image files to upright sRGB images, or raises an error that says how to fix the file."""

import io
import struct
import warnings
import zlib
from dataclasses import dataclass

import numpy as np
from PIL import Image, UnidentifiedImageError

from dreamtuner.preprocess.alpha import OPAQUE, says_nothing
from dreamtuner.preprocess.colour import split_alpha, to_srgb, upright

FORMATS = ("PNG", "JPEG", "WEBP")

# Magic bytes of other files that people upload as a reference, so that the error can name the format.
_OTHER_FORMATS: tuple[tuple[int, bytes, str], ...] = (
    (0, b"GIF8", "GIF"),
    (0, b"BM", "BMP"),
    (0, b"II*\0", "TIFF"),
    (0, b"MM\0*", "TIFF"),
    (0, b"%PDF", "PDF"),
    (0, b"8BPS", "Photoshop"),
    (0, b"\0\0\1\0", "icon"),
    (0, b"\0\0\0\x0cJXL ", "JPEG XL"),
    (0, b"\xff\x0a", "JPEG XL"),
    (0, b"\0\0\0\x0cjP  ", "JPEG 2000"),
    (4, b"ftypavif", "AVIF"),
    (4, b"ftypheic", "HEIC"),
    (4, b"ftypheix", "HEIC"),
    (4, b"ftypmif1", "HEIF"),
)


class ImageError(ValueError):
    """An image that cannot be a reference: `reason` says what is wrong, `remedy` how to fix it."""

    def __init__(self, reason: str, remedy: str) -> None:
        super().__init__(reason, remedy)  # both in args, so that the error survives pickling between tasks
        self.reason = reason
        self.remedy = remedy

    def __str__(self) -> str:
        return f"{self.reason}: {self.remedy}"


class _DamagedError(ImageError):
    """A file that cannot be decoded as it is."""


# Exceptions that decoders raise for a damaged file.
_BROKEN = (OSError, SyntaxError, ValueError, EOFError, LookupError, TypeError, struct.error, zlib.error)


@dataclass(frozen=True)
class ImageLimits:
    """Size limits of a reference. The defaults accept a 48-megapixel phone photo and the smallest profile's 64 x 64.

    `max_pixels` is compared with the header, before anything is decoded. Above Pillow's own limit
    (`PIL.Image.MAX_IMAGE_PIXELS`, 89 million) it has no effect, since Pillow rejects such files first.
    """

    max_bytes: int = 32 * 1024 * 1024
    max_pixels: int = 50_000_000
    min_side: int = 64


@dataclass(frozen=True)
class DecodedImage:
    """An upright image in sRGB.

    Attributes:
        image: mode RGB, H x W; transparent areas are composited onto white, so hidden colours never show.
        alpha: mode L, H x W, 0 transparent .. 255 opaque; None if the file has no alpha or its alpha marks no subject
            (`says_nothing`), in which case `image` is that of the file without the channel.
        warnings: what of the file was ignored, one sentence each.
    """

    image: Image.Image
    alpha: Image.Image | None
    warnings: tuple[str, ...] = ()


DEFAULT_LIMITS = ImageLimits()


def decode_image(data: bytes, *, limits: ImageLimits = DEFAULT_LIMITS) -> DecodedImage:
    """Decode a PNG, JPEG or WebP file; EXIF orientation is applied and an embedded ICC profile converted to sRGB.

    Only the pixels must be decodable; unreadable metadata is ignored, with a warning.

    Raises:
        ImageError: not an image, another format, truncated or damaged, animated, too many bytes or pixels, too small.
    """
    ignored: list[str] = []
    picture = open_upright(data, limits=limits, ignored=ignored)
    profile = picture.info.get("icc_profile")
    colours, alpha = split_alpha(picture)
    image = to_srgb(colours, profile if isinstance(profile, bytes) else None, ignored)
    if alpha is None:
        return DecodedImage(image=image, alpha=None, warnings=tuple(ignored))
    on_white = Image.composite(image, Image.new("RGB", image.size, "white"), alpha)
    nothing = says_nothing(alpha)
    if nothing is None:
        return DecodedImage(image=on_white, alpha=alpha, warnings=tuple(ignored))
    ignored.append(f"the alpha channel marks no subject, so it is not used as a mask: {nothing}")
    return DecodedImage(_bared(image, on_white, alpha), None, tuple(ignored))


def _bared(image: Image.Image, on_white: Image.Image, alpha: Image.Image) -> Image.Image:
    """Return the image without its alpha channel; on white if all transparent pixels have the same hidden colour."""
    hidden = np.asarray(image)[np.asarray(alpha) < OPAQUE]
    return on_white if len(hidden) and bool((hidden == hidden[0]).all()) else image


def open_upright(data: bytes, *, limits: ImageLimits, ignored: list[str]) -> Image.Image:
    """Validate and decode a file to an upright image in its own mode and colours. Raises as `decode_image` does.

    What of the file was ignored is added to `ignored`, one sentence each.
    """
    if len(data) > limits.max_bytes:
        raise ImageError(
            f"the file has {len(data):,} bytes, more than the {limits.max_bytes:,} allowed",
            "save it smaller, or as JPEG or WebP",
        )
    with warnings.catch_warnings(record=True) as odd:
        warnings.simplefilter("error", Image.DecompressionBombWarning)
        warnings.filterwarnings("always", category=UserWarning, module=r"PIL\.")  # odd metadata: the picture is whole
        picture = upright(_loaded_or_mended(data, limits, ignored), ignored)
    messages = (one.message for one in odd if issubclass(one.category, UserWarning))
    ignored += dict.fromkeys(f"metadata of the file is invalid and was ignored: {one}" for one in messages)
    return picture


def _loaded_or_mended(data: bytes, limits: ImageLimits, ignored: list[str]) -> Image.Image:
    try:
        return _loaded(data, limits)
    except _DamagedError:
        from dreamtuner.preprocess.repair.mend import mends  # few files are damaged

        for one in mends(data):
            try:
                picture = _loaded(one.data, limits)
                if one.same_as is not None and _loaded(one.same_as, limits).tobytes() != picture.tobytes():
                    continue
            except _DamagedError:
                continue
            ignored += one.ignored
            if one.profile is not None:
                picture.info["icc_profile"] = one.profile
            return picture
        raise


def _loaded(data: bytes, limits: ImageLimits) -> Image.Image:
    picture = _open(data, limits)
    _check_header(picture, limits)
    try:
        picture.load()
    except _BROKEN as error:
        raise _damaged(picture.format, error) from error
    return picture


def _open(data: bytes, limits: ImageLimits) -> Image.Image:
    """Open the file, reading only its header."""
    try:
        return Image.open(io.BytesIO(data), formats=FORMATS)
    except (Image.DecompressionBombError, Image.DecompressionBombWarning) as error:
        raise _too_many_pixels(None, limits) from error
    except UnidentifiedImageError as error:
        if data.startswith((b"\x89PNG\r\n\x1a\n", b"\xff\xd8\xff")) or (data[:4], data[8:12]) == (b"RIFF", b"WEBP"):
            raise _damaged(None, error) from error
        raise _not_taken(data) from error
    except _BROKEN as error:
        raise _damaged(None, error) from error


def _check_header(picture: Image.Image, limits: ImageLimits) -> None:
    width, height = picture.size
    if width * height > limits.max_pixels:
        raise _too_many_pixels(picture.size, limits)
    if min(width, height) < limits.min_side:
        raise ImageError(
            f"the picture is {width} x {height} pixels, too small",
            f"use one of at least {limits.min_side} pixels on its shorter side",
        )
    # A camera's multi-picture JPEG (MPO: a thumbnail or a gain map behind the photograph) is a still picture.
    if picture.format != "MPO" and getattr(picture, "is_animated", False):
        raise ImageError(
            f"the {picture.format} is animated ({getattr(picture, 'n_frames', 'several')} frames)",
            "save the one frame that shows the subject best",
        )


def _too_many_pixels(size: tuple[int, int] | None, limits: ImageLimits) -> ImageError:
    what = f"the picture is {size[0]} x {size[1]}, more" if size else "the header announces far more"
    return ImageError(f"{what} than the {limits.max_pixels:,} pixels allowed", "scale it down first")


def _damaged(name: str | None, error: Exception) -> ImageError:
    return _DamagedError(
        f"the {name or 'image'} file is truncated or damaged ({error})", "fetch or export it again, whole"
    )


def _not_taken(data: bytes) -> ImageError:
    for offset, magic, name in _OTHER_FORMATS:
        if data[offset:].startswith(magic):
            return ImageError(f"the file is {name}, which is not a supported format", "convert it to PNG, JPEG or WebP")
    if not data:
        return ImageError("the file is empty", "give a PNG, JPEG or WebP file")
    return ImageError("the file is not an image", "give a PNG, JPEG or WebP file")
