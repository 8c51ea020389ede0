"""A subject's files read, checked and masked in memory. Nothing is written, so that a plan may look too."""

import hashlib
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass

from PIL import Image

from dreamtuner.models.layouts import KINDS, LayoutError
from dreamtuner.plugins import PluginError
from dreamtuner.preprocess import MASKERS, ForegroundMask, ImageError, ImageLimits, decode_image
from dreamtuner.preprocess.captioners import CAPTIONERS
from dreamtuner.settings.sampling import Style
from flows.faults import fault_of
from flows.ingestion.facts import Facts, caption_of
from flows.ingestion.known import Stored, differing, unknown_name
from flows.ingestion.layouts import LayoutFile, read_own
from flows.ingestion.masking import ChosenMask, KnownMasks, all_warnings, asked_for, choose_mask
from flows.ingestion.sources import read, shown
from flows.resources import Resources
from flows.settings import Settings
from flows.spec.model import SubjectSpec
from flows.spec.problems import SubjectError
from storage.catalog.name_conflicts import name_taken_message
from storage.catalog.records import Given
from storage.objects import ChecksumMismatchError, DigestMismatchError, ObjectMissingError, StoreError
from storage.sources import SourceError


@dataclass(frozen=True)
class Prepared:
    """One subject, ready to be stored: `reference` is the file as it came, `mask_png` an L picture, 255 = subject.

    `facts` is what the plan needs to know, `layouts` are the reference's own, `source` and `caption` what is stored
    beside the reference, `warnings` what a person should know, a sentence each.
    """

    subject: SubjectSpec
    facts: Facts
    reference: bytes
    width: int
    height: int
    chosen: ChosenMask
    source: str
    caption: str | None
    layouts: tuple[LayoutFile, ...] = ()
    warnings: tuple[str, ...] = ()

    @property
    def mask(self) -> ForegroundMask:
        """The mask and what it is worth."""
        return self.chosen.mask

    @property
    def mask_png(self) -> bytes:
        """The mask's bytes."""
        return self.chosen.png


def prepare(
    subject: SubjectSpec, resources: Resources, stored: Stored | None = None, *, given: Given = "spec"
) -> Prepared:
    """Fetch, decode and mask; SubjectError says why not.

    `stored` is the subject of this name in the catalog: what the entry leaves out comes from there, and the mask that a
    person gave stands. `given`: how a mask that the entry states comes, by a "spec" or by "ingest".
    """
    settings = resources.settings
    limits = ImageLimits(max_bytes=settings.max_source_bytes)
    if subject.reference is None:
        if stored is None:
            raise SubjectError(f"name: {unknown_name(subject.name, resources)}")
        source, sha256 = stored.assets.source, stored.assets.image_sha256
        reference = _stored_reference(stored)
    else:
        source = subject.reference
        with _naming(f"reference {shown(source)}"):
            reference = read(source, settings)
        sha256 = hashlib.sha256(reference).hexdigest()
    if stored is not None and not subject.replace:
        found = differing(subject, stored.assets, reference)
        if found:
            raise SubjectError(f"name: {name_taken_message(subject.name, stored.assets, found)}")
    with _naming(f"reference {shown(source)}"):
        decoded = decode_image(reference, limits=limits)
    known = KnownMasks() if stored is None else stored.masks(sha256)
    with _naming(f"mask {shown(subject.mask or 'of ' + source)}"):
        asked = asked_for(subject.mask)
        chosen = choose_mask(
            decoded.image,
            decoded.alpha,
            None if asked or subject.mask is None else read(subject.mask, settings),
            asked=asked,
            given=given,
            insist=subject.replace or given == "ingest",
            known=known,
            masker=MASKERS[settings.masker],
        )
    layouts = []
    for kind in KINDS:
        with _naming(f"{kind} {shown(getattr(subject, kind) or '')}"):
            layouts.append(read_own(subject, kind, decoded.image, settings))
    caption = subject.caption
    if subject.reference is None and caption is None and stored is not None:
        caption = stored.assets.caption
    with _naming("caption"):
        facts = _facts(subject, stored, caption, sha256, chosen, layouts, decoded.image, settings)
    return Prepared(
        subject,
        facts,
        reference,
        decoded.image.width,
        decoded.image.height,
        chosen,
        source,
        subject.caption,
        tuple(layout for layout in layouts if layout is not None),
        all_warnings(decoded.warnings, chosen.mask.warnings, chosen.notes, _caption_notes(subject, stored, sha256)),
    )


def _stored_reference(stored: Stored) -> bytes:
    sha256 = stored.assets.image_sha256
    try:
        return stored.read(sha256)
    except (ObjectMissingError, ChecksumMismatchError, DigestMismatchError) as error:
        raise SubjectError(
            f"reference {sha256[:12]} of the catalog cannot be read ({error}); give it again as reference, or "
            "restore it from a backup"
        ) from error


def _facts(
    subject: SubjectSpec,
    stored: Stored | None,
    caption: str | None,
    sha256: str,
    chosen: ChosenMask,
    layouts: Sequence[LayoutFile | None],
    image: Image.Image,
    settings: Settings,
) -> Facts:
    """What the plan needs to know of an entry, which has a class word and a reference, or is known to the catalog."""
    assets = None if stored is None else stored.assets
    class_word = subject.class_word or ("" if assets is None else assets.class_word)
    unstated = assets.style if assets is not None and subject.reference is None else "natural"
    style: Style = subject.style or unstated
    return Facts(
        name=subject.name,
        class_word=class_word,
        style=style,
        caption=caption_of(
            caption, class_word=class_word, style=style, image=lambda: image, captioner=CAPTIONERS[settings.captioner]
        ),
        reference_sha256=sha256,
        mask_sha256=chosen.sha256,
        layouts={layout.kind: layout.sha256 for layout in layouts if layout is not None},
    )


def _caption_notes(subject: SubjectSpec, stored: Stored | None, sha256: str) -> tuple[str, ...]:
    """What to say where an entry states another caption of the stored reference."""
    if stored is None or stored.assets.image_sha256 != sha256 or subject.replace:
        return ()
    if subject.caption in (None, stored.assets.caption) or stored.assets.caption is None:
        return ()
    return (
        f"the stated caption is used for these images alone: the catalog keeps {stored.assets.caption!r} for whoever "
        "names the subject; replace: true changes it there",
    )


@contextmanager
def _naming(what: str) -> Iterator[None]:
    try:
        yield
    except (SourceError, ImageError, LayoutError, PluginError) as error:
        raise SubjectError(f"{what}: {error}") from error
    except (SubjectError, StoreError):  # a store that is away is nobody's misfortune
        raise
    except Exception as error:
        if fault_of(error) != "cell":  # memory or a disk that fails is no fault of this subject's
            raise
        # a decoder's own surprise is this subject's misfortune, not that of the others
        raise SubjectError(f"{what}: {type(error).__name__}: {error}; try another picture, and report this") from error
