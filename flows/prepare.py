"""A subject's files read, checked and masked in memory. Nothing is written, so that a plan may look too."""

import hashlib
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass

from PIL import Image

from dreamtuner.layout import KINDS, LayoutRefused
from dreamtuner.preprocess import ForegroundMask, ImageLimits, ImageRefused, decode_image, foreground_mask
from flows.layouts import LayoutFile, read_own
from flows.picture import open_picture, png_bytes
from flows.plan import Facts, caption_of
from flows.problems import SubjectRefused
from flows.settings import Settings
from flows.sources import read, shown
from flows.spec import SubjectSpec
from storage.catalog import Catalog, views
from storage.catalog.records import NotInCatalog
from storage.objects import ObjectStore, StoreError, get_blob
from storage.sources import SourceError

KnownMask = Callable[[str], bytes | None]


@dataclass(frozen=True)
class Prepared:
    """One subject, ready to be stored: `reference` is the file as it came, `mask_png` an L picture, 255 = subject.

    `layouts`: the reference's own.
    """

    subject: SubjectSpec
    reference: bytes
    width: int
    height: int
    mask: ForegroundMask
    mask_png: bytes
    layouts: tuple[LayoutFile, ...] = ()

    @property
    def facts(self) -> Facts:
        """What the plan needs to know."""
        one = self.subject
        return Facts(
            name=one.name,
            class_word=one.class_word,
            style=one.style,
            caption=caption_of(one.caption, class_word=one.class_word, style=one.style),
            reference_sha256=hashlib.sha256(self.reference).hexdigest(),
            mask_sha256=hashlib.sha256(self.mask_png).hexdigest(),
            layouts={layout.kind: layout.sha256 for layout in self.layouts},
        )


def prepare(subject: SubjectSpec, settings: Settings, known_mask: KnownMask = lambda _: None) -> Prepared:
    """Fetch, decode and mask; SubjectRefused says why not.

    `known_mask` gives the stored mask of a reference by its SHA-256: where the pixels come out the same, its bytes are
    kept, so that another version of the PNG encoder does not turn every cell into a new one.
    """
    limits = ImageLimits(max_bytes=settings.max_source_bytes)
    with _naming(f"reference {shown(subject.reference)}"):
        reference = read(subject.reference, settings)
        decoded = decode_image(reference, limits=limits)
    with _naming(f"mask {shown(subject.mask or 'of ' + subject.reference)}"):
        user_mask = None if subject.mask is None else read(subject.mask, settings)
        mask = foreground_mask(decoded.image, alpha=decoded.alpha, user_mask=user_mask)
    layouts = []
    for kind in KINDS:
        with _naming(f"{kind} {shown(getattr(subject, kind) or '')}"):
            layouts.append(read_own(subject, kind, decoded.image.size, settings))
    known = known_mask(hashlib.sha256(reference).hexdigest())
    png = known if known is not None and _same_pixels(known, mask.mask) else png_bytes(mask.mask)
    own = tuple(layout for layout in layouts if layout is not None)
    return Prepared(subject, reference, decoded.image.width, decoded.image.height, mask, png, own)


def known_mask_in(catalog: Catalog, store: ObjectStore, subject_name: str) -> KnownMask:
    """The subject's current mask in the catalog, if it is that of the reference asked for."""

    def look(reference_sha256: str) -> bytes | None:
        try:
            with catalog.read() as s:
                assets = views.subject_assets(s, subject_name)
            if assets.image_sha256 != reference_sha256 or assets.mask_sha256 is None:
                return None
            return get_blob(store, assets.mask_sha256)
        except (NotInCatalog, StoreError):
            return None

    return look


def _same_pixels(png: bytes, image: Image.Image) -> bool:
    stored = open_picture(png, "L")
    return stored.size == image.size and stored.tobytes() == image.tobytes()


@contextmanager
def _naming(what: str) -> Iterator[None]:
    try:
        yield
    except (SourceError, ImageRefused, LayoutRefused) as error:
        raise SubjectRefused(f"{what}: {error}") from error
    except Exception as error:  # a decoder's own surprise is this subject's misfortune, not that of the others
        raise SubjectRefused(
            f"{what}: {type(error).__name__}: {error}; try another picture, and report this"
        ) from error
