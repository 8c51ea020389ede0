"""Uploaded references, validated as in ingestion; heavy libraries are imported on use."""

from __future__ import annotations

import io
from dataclasses import dataclass
from typing import TYPE_CHECKING

from deploy.dashboard.resources import Resources
from deploy.dashboard.uploads.masks import read_mask
from storage.catalog import writes
from storage.catalog.records import CatalogError
from storage.objects import get_blob

if TYPE_CHECKING:
    from PIL import Image
    from sqlalchemy.orm import Session

    from dreamtuner.preprocess import DecodedImage, ForegroundMask

_TYPES = {b"\x89PNG": "image/png", b"\xff\xd8": "image/jpeg"}


@dataclass(frozen=True)
class Upload:
    """An uploaded reference, decoded, with its mask as a PNG. `given`: whether a person gave the mask."""

    data: bytes
    picture: DecodedImage
    cut: ForegroundMask
    png: bytes
    given: bool

    @property
    def pieces(self) -> tuple[tuple[bytes, str], tuple[bytes, str]]:
        """Return the files to store, image and mask, each with its content type."""
        return (self.data, _type(self.data)), (self.png, "image/png")

    def enter_mask(self, s: Session, reference_id: int, sha256: str, actor: str) -> None:
        """Add the stored mask to the reference."""
        writes.add_mask(
            s,
            reference_id=reference_id,
            mask_sha256=sha256,
            method="given" if self.given else self.cut.method,
            confidence=self.cut.confidence,
            doubtful=self.cut.doubtful,
            warnings=[*self.picture.warnings, *self.cut.warnings],
            licence=None if self.given else licence_of_mask(self.cut.method),
            giver=actor if self.given else None,
        )


def read_upload(known: Resources, style: str, data: bytes, mask: bytes | None, field: str) -> Upload:
    """Decode a reference of a subject of this style, and its mask or detect one. `field`: how errors name it.

    Raises CatalogError if one of them cannot be used.
    """
    from dreamtuner.preprocess import ImageError, ImageLimits, decode_image

    try:
        picture = decode_image(data, limits=ImageLimits(max_bytes=known.settings.max_upload))
    except ImageError as error:
        raise CatalogError(f"{field}: {error}") from error
    try:
        if mask is None:
            cut = _found(known.settings.masker, style, picture.image, picture.alpha)
            return Upload(data, picture, cut, _png(cut), False)
        png = read_mask(mask, picture.image.size)
        return Upload(data, picture, assess_mask(png, picture.image), png, True)
    except ImageError as error:
        raise CatalogError(f"{field if mask is None else 'mask'}: {error}") from error


def assess_mask(png: bytes, picture: Image.Image) -> ForegroundMask:
    """Assess a mask provided by a person, of the picture's size, and collect warnings."""
    from PIL import Image

    from dreamtuner.preprocess.subject_mask import stated_mask

    with Image.open(io.BytesIO(png)) as mask:
        return stated_mask(mask.convert("L"), picture)


def detect_mask(
    known: Resources, image_sha256: str, *, style: str, masker: str | None = None
) -> tuple[ForegroundMask, bytes]:
    """Detect the mask of a stored reference of a subject of this style, and encode it.

    Raises CatalogError if none is found. `masker`: its name; None: as in ingestion, the alpha channel if there is one,
    else the masker of the settings.
    """
    from dreamtuner.preprocess import ImageError

    picture, alpha = stored_picture(known, image_sha256)
    try:
        cut = _found(masker or known.settings.masker, style, picture, alpha if masker is None else None)
    except ImageError as error:
        raise CatalogError(f"reference: {error}") from error
    return cut, _png(cut)


def _found(masker: str, style: str, picture: Image.Image, alpha: Image.Image | None) -> ForegroundMask:
    """Return the alpha channel, or run the masker of this name. Raises CatalogError if the masker is not available."""
    from dreamtuner.plugins import PluginError
    from dreamtuner.preprocess import MASKERS, foreground_mask
    from dreamtuner.preprocess.maskers import styled

    try:
        return foreground_mask(picture, alpha=alpha, masker=styled(MASKERS[masker], style))
    except (PluginError, FileNotFoundError) as error:  # the latter: a masker's model is missing
        raise CatalogError(f"mask: {error}") from error


def licence_of_mask(method: str) -> str | None:
    """Return the name of the licence of the model that masks recorded as `method` come from; None without a model."""
    from dreamtuner.models.auxiliary import AUXILIARY
    from dreamtuner.preprocess.maskers import masker_of

    names = getattr(masker_of(method), "models", ())
    return " and ".join(AUXILIARY.get(name).licence.name for name in names if name in AUXILIARY) or None


def stored_picture(known: Resources, image_sha256: str) -> tuple[Image.Image, Image.Image | None]:
    """Decode a stored reference as ingestion does; also its alpha channel if it is a mask."""
    from dreamtuner.preprocess import ImageLimits, decode_image

    data = get_blob(known.store, image_sha256)
    decoded = decode_image(data, limits=ImageLimits(max_bytes=len(data), min_side=1))
    return decoded.image, decoded.alpha


def _png(cut: ForegroundMask) -> bytes:
    buffer = io.BytesIO()
    cut.mask.save(buffer, "PNG")
    return buffer.getvalue()


def _type(data: bytes) -> str:
    return next((kind for begin, kind in _TYPES.items() if data.startswith(begin)), "image/webp")
