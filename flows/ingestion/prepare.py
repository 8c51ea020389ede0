"""Reads, checks and masks a subject's files in memory. Writes nothing, so that a plan can use it too."""

import hashlib
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass

from PIL import Image

from dreamtuner.models.layouts import LayoutError
from dreamtuner.models.weights import WeightsMissingError
from dreamtuner.plugins import PluginError
from dreamtuner.preprocess import MASKERS, ForegroundMask, ImageError, ImageLimits, decode_image
from dreamtuner.preprocess.captioners import CAPTIONERS
from dreamtuner.settings.sampling import Style
from flows.ingestion.choice import ingestion_choice
from flows.ingestion.facts import Facts, caption_of
from flows.ingestion.known import Stored, differing, name_taken, unknown_name
from flows.ingestion.layouts import LayoutFile, read_own
from flows.ingestion.masking import ChosenMask, KnownMasks, all_warnings, choose_mask, wants_auto_mask
from flows.ingestion.sources import read, shown
from flows.resources import Resources
from flows.spec.problems import SubjectError
from flows.spec.subject import SubjectSpec
from storage import objects
from storage.catalog.records import Given
from storage.sources import SourceError


@dataclass(frozen=True)
class Prepared:
    """One subject, ready to be stored: `reference` is the unchanged file, `mask_png` an L image, 255 = subject.

    `facts`: what plans need; `layouts`: the reference's own control images; `source` and `caption` are stored with the
    reference; `warnings`: one sentence each.
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
        """Return the mask with its confidence."""
        return self.chosen.mask

    @property
    def mask_png(self) -> bytes:
        """Return the mask as PNG."""
        return self.chosen.png


def prepare(
    subject: SubjectSpec,
    resources: Resources,
    stored: Stored | None = None,
    *,
    given: Given = "spec",
    profile: str | None = None,
) -> Prepared:
    """Fetch, decode and mask a subject. Raises SubjectError.

    `stored`: the subject of this name in the catalog, which provides omitted values and a mask that a person gave.
    `given`: the origin of a mask in the entry, "spec" or "ingest". `profile`: whose masker, captioner and
    estimators are the default, if any.
    """
    settings = resources.settings
    choice = ingestion_choice(settings, None if profile is None else resources.profile(profile))
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
            raise SubjectError(f"name: {name_taken(subject.name, stored.assets, found)}")
    with _naming(f"reference {shown(source)}"):
        decoded = decode_image(reference, limits=limits)
    known = KnownMasks() if stored is None else stored.masks(sha256)
    with _naming(f"mask {shown(subject.mask or 'of ' + source)}"):
        asked = wants_auto_mask(subject.mask)
        chosen = choose_mask(
            decoded.image,
            decoded.alpha,
            None if asked or subject.mask is None else read(subject.mask, settings),
            asked=asked,
            given=given,
            insist=subject.replace or given == "ingest",
            known=known,
            masker=MASKERS[choice.masker],
        )
    layouts = []
    for kind, place in subject.layouts.items():
        with _naming(f"{kind} {shown(place)}"):
            layouts.append(read_own(subject, kind, decoded.image, settings, choice.estimators.get(kind)))
    caption = subject.caption
    if subject.reference is None and caption is None and stored is not None:
        caption = stored.assets.caption
    with _naming("caption"):
        facts = _facts(subject, stored, caption, sha256, chosen, layouts, decoded.image, choice.captioner)
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
    except (objects.ObjectMissingError, objects.ChecksumMismatchError, objects.DigestMismatchError) as error:
        raise SubjectError(
            f"reference {sha256[:12]} of the catalog cannot be read ({error}); set reference again, or "
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
    captioner: str,
) -> Facts:
    """Collect the facts of an entry that has a class word and a reference, or is in the catalog."""
    assets = None if stored is None else stored.assets
    class_word = subject.class_word or ("" if assets is None else assets.class_word)
    unstated = assets.style if assets is not None and subject.reference is None else "natural"
    style: Style = subject.style or unstated
    return Facts(
        name=subject.name,
        class_word=class_word,
        style=style,
        caption=caption_of(
            caption, class_word=class_word, style=style, image=lambda: image, captioner=CAPTIONERS[captioner]
        ),
        reference_sha256=sha256,
        mask_sha256=chosen.sha256,
        layouts={layout.kind: layout.sha256 for layout in layouts if layout is not None},
    )


def _caption_notes(subject: SubjectSpec, stored: Stored | None, sha256: str) -> tuple[str, ...]:
    """Return a note if an entry gives another caption for the stored reference."""
    if stored is None or stored.assets.image_sha256 != sha256 or subject.replace:
        return ()
    if subject.caption in (None, stored.assets.caption) or stored.assets.caption is None:
        return ()
    return (
        f"the caption given is used for this run only: the catalog keeps {stored.assets.caption!r} for other runs of "
        "the subject; set replace: true to change it there",
    )


@contextmanager
def _naming(what: str) -> Iterator[None]:
    try:
        yield
    except (SourceError, ImageError, LayoutError, PluginError) as error:
        raise SubjectError(f"{what}: {error}") from error
    except WeightsMissingError as error:  # the worker's fault, not this subject's
        raise WeightsMissingError(f"{what}: {error}") from error
    except (SubjectError, objects.StoreError):  # an unavailable store is not this subject's fault
        raise
    except Exception as error:
        from flows.faults import fault_of  # loads SQLAlchemy, to know its errors too

        if fault_of(error) != "cell":  # out of memory or disk is not this subject's fault
            raise
        # an unexpected decoder error concerns this subject only
        raise SubjectError(f"{what}: {type(error).__name__}: {error}; try another image, and report this") from error
