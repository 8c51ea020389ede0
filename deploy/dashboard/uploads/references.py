"""Uploaded references, validated as in ingestion; heavy libraries are imported on use."""

from __future__ import annotations

import io
import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from deploy.dashboard.resources import Resources
from deploy.dashboard.uploads.masks import read_mask
from dreamtuner.settings.styles import STYLES
from storage.catalog import views, writes
from storage.catalog.name_conflicts import differences, name_taken_message
from storage.catalog.records import CatalogError, NameTakenError, NotInCatalogError
from storage.ingest import storing
from storage.objects import get_blob

if TYPE_CHECKING:
    from PIL import Image

    from dreamtuner.preprocess import ForegroundMask

NAME = re.compile(r"[^\s\x00-\x1f/\\][^\x00-\x1f/\\]{0,79}")
CLASS_WORD = re.compile(r"[^{}\s]+( [^{}\s]+)*")
MAX_CLASS_WORD, MAX_CAPTION = 80, 2000
_TYPES = {b"\x89PNG": "image/png", b"\xff\xd8": "image/jpeg"}


@dataclass(frozen=True)
class NewSubject:
    """The fields of the subject form, validated like an entry of a spec."""

    name: str
    class_word: str
    style: str
    caption: str | None
    replace: bool

    @classmethod
    def read(cls, form: Mapping[str, Any]) -> NewSubject:
        """Read the form's fields. Raises CatalogError naming an invalid one."""
        name, word, style, caption = (
            str(form.get(one) or "").strip() for one in ("name", "class_word", "style", "caption")
        )
        if not NAME.fullmatch(name):
            raise CatalogError("name: give 1 to 80 characters without slashes or control characters")
        if len(word) > MAX_CLASS_WORD or not CLASS_WORD.fullmatch(word):
            raise CatalogError("class word: give a plain noun such as bear or teddy bear, without braces")
        if style not in STYLES:
            raise CatalogError(f"style: choose one of {', '.join(STYLES)}")
        if len(caption) > MAX_CAPTION:
            raise CatalogError(f"caption: at most {MAX_CAPTION} characters; shorten it")
        return cls(name, word, style, caption or None, bool(form.get("replace")))


def add_subject(known: Resources, new: NewSubject, reference: bytes, mask: bytes | None, actor: str) -> int:
    """Ingest a subject with its reference and mask, and return its id.

    Without `mask` it is the reference's alpha channel, or detected. Raises CatalogError if the name is another
    subject's or a picture cannot be used.
    """
    from dreamtuner.preprocess import ImageError, ImageLimits, decode_image

    try:
        picture = decode_image(reference, limits=ImageLimits(max_bytes=known.settings.max_upload))
    except ImageError as error:
        raise CatalogError(f"reference: {error}") from error
    try:
        if mask is None:
            cut, png = _found(known.settings.masker, new.style, picture.image, picture.alpha), None
        else:
            png = read_mask(mask, picture.image.size)
            cut = assess_mask(png, picture.image)
    except ImageError as error:
        raise CatalogError(f"{'reference' if mask is None else 'mask'}: {error}") from error
    demand_name(known, new, reference)
    pieces = (reference, _type(reference)), (_png(cut) if png is None else png, "image/png")
    with storing(known.catalog, known.store, *pieces) as (s, [image_sha256, mask_sha256]):
        try:
            subject_id, reference_id = writes.enter_subject(
                s,
                name=new.name,
                class_word=new.class_word,
                style=new.style,
                image_sha256=image_sha256,
                width=picture.image.width,
                height=picture.image.height,
                source=f"uploaded by {actor}",
                caption=new.caption,
                replace=new.replace,
                recaption=True,
                actor=actor,
                given="dashboard",
            )
        except NameTakenError as error:
            raise NameTakenError(str(error).replace("add replace: true", f"tick {REPLACE!r}")) from error
        writes.add_mask(
            s,
            reference_id=reference_id,
            mask_sha256=mask_sha256,
            method=cut.method if mask is None else "given",
            confidence=cut.confidence,
            doubtful=cut.doubtful,
            warnings=[*picture.warnings, *cut.warnings],
            licence=licence_of_mask(cut.method) if mask is None else None,
            giver=None if mask is None else actor,
        )
        about = {"subject": new.name, "reference": image_sha256, "mask": mask_sha256, "replaced": new.replace}
        writes.record_audit(s, actor=actor, action="new reference", entity="subject", entity_id=subject_id, after=about)
    return subject_id


REPLACE = "Replace the subject of this name"


def demand_name(known: Resources, new: NewSubject, reference: bytes) -> None:
    """Raise NameTakenError if the name is another subject's and the form does not replace it."""
    from hashlib import sha256

    if new.replace:
        return
    try:
        with known.catalog.read() as s:
            stored = views.subject_assets(s, new.name)
    except NotInCatalogError:
        return
    digest = sha256(reference).hexdigest()
    found = differences(stored, class_word=new.class_word, style=new.style, image_sha256=digest)
    if found:
        raise NameTakenError(
            name_taken_message(new.name, stored, found).replace("add replace: true", f"tick {REPLACE!r}")
        )


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
