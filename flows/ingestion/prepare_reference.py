"""Checks, masks and annotates one reference of a subject in memory. Writes nothing."""

import hashlib
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass

from dreamtuner.models.layouts import LayoutError
from dreamtuner.models.weights import WeightsMissingError
from dreamtuner.plugins import PluginError
from dreamtuner.preprocess import DecodedImage, ForegroundMask, ImageError, ImageLimits, decode_image
from dreamtuner.settings.sampling import Style
from flows.ingestion.annotations import ChosenAnnotation, KnownAnnotations
from flows.ingestion.captioning import CaptionChooser
from flows.ingestion.choice import IngestionChoice, StatedEyes, ingestion_choice
from flows.ingestion.facts import Facts
from flows.ingestion.known import Stored, seen
from flows.ingestion.masking import ChosenMask, KnownMasks, all_warnings, choose_mask, masker_for
from flows.ingestion.sources import read, shown
from flows.resources import Resources
from flows.spec.entry import is_auto
from flows.spec.problems import SubjectError
from flows.spec.subject import SubjectSpec
from storage import objects
from storage.catalog.records import CAPTION, Given
from storage.sources import SourceError


@dataclass(frozen=True)
class Prepared:
    """One subject, ready to be stored: `reference` is the unchanged file, `mask_png` an L image, 255 = subject.

    `facts`: what plans need; `annotations`: its caption, if one was found, and its own control images; `source` and
    `caption`, one that the entry gives, are stored with the reference; `warnings`: one sentence each, of which
    `own_warnings` are about this reference; `further`: the subject's others, in order.
    """

    subject: SubjectSpec
    facts: Facts
    reference: bytes
    width: int
    height: int
    chosen: ChosenMask
    source: str
    caption: str | None
    annotations: tuple[ChosenAnnotation, ...] = ()
    own_warnings: tuple[str, ...] = ()
    further: tuple["Prepared", ...] = ()

    @property
    def warnings(self) -> tuple[str, ...]:
        """Return the warnings about all references; those about further ones name their place."""
        return all_warnings(self.own_warnings, further_warnings([one.own_warnings for one in self.further]))

    @property
    def any_doubtful(self) -> bool:
        """Return whether the mask of a reference is doubtful."""
        return any(one.mask.doubtful for one in (self, *self.further))

    @property
    def mask(self) -> ForegroundMask:
        """Return the mask with its confidence."""
        return self.chosen.mask

    @property
    def layouts(self) -> tuple[ChosenAnnotation, ...]:
        """Return the reference's own control images."""
        return tuple(one for one in self.annotations if one.data is not None)

    @property
    def mask_png(self) -> bytes:
        """Return the mask as PNG."""
        return self.chosen.png


def further_warnings(each: Sequence[Sequence[str]]) -> list[str]:
    """Return the warnings about further references, with the place of each."""
    return [f"references[{i}]: {warning}" for i, warnings in enumerate(each, 1) for warning in warnings]


def prepare_reference(
    subject: SubjectSpec,
    source: str,
    reference: bytes,
    resources: Resources,
    stored: Stored | None,
    *,
    given: Given,
    profile: str | None,
    stated: StatedEyes | None,
) -> Prepared:
    """Decode, mask and annotate one reference of a subject, of which the entry names no other. Raises SubjectError.

    `source`, `reference`: its place and its bytes; the rest as in `prepare`.
    """
    settings = resources.settings
    choice = ingestion_choice(settings, None if profile is None else resources.profile(profile), stated)
    sha256 = hashlib.sha256(reference).hexdigest()
    with naming(f"reference {shown(source)}"):
        decoded = decode_image(reference, limits=ImageLimits(max_bytes=settings.max_source_bytes))
    known = seen(stored, sha256, resources)
    assets = None if stored is None else stored.assets
    unstated = assets.style if assets is not None and subject.reference is None else "natural"
    style: Style = subject.style or unstated
    with naming(f"mask {shown(subject.mask or 'of ' + source)}"):
        chosen = _mask(subject, decoded, choice, resources, known.masks, given, style)
    class_word = subject.class_word or ("" if assets is None else assets.class_word)
    with naming(CAPTION):
        chooser = CaptionChooser(class_word, style, lambda: decoded.image, known.annotations, choice)
        named_alone = subject.reference is None and assets is not None
        caption = chooser.choose(subject, assets.caption if named_alone and assets is not None else None)
    layouts, notes = _controls(subject, decoded, choice, resources, known.annotations, given)
    return Prepared(
        subject,
        Facts(
            name=subject.name,
            class_word=class_word,
            style=style,
            caption=caption.text,
            reference_sha256=sha256,
            mask_sha256=chosen.sha256,
            layouts={one.kind: one.sha256 for one in layouts if one.sha256 is not None},
        ),
        reference,
        decoded.image.width,
        decoded.image.height,
        chosen,
        source,
        subject.own_caption,
        (*(() if caption.found is None else (caption.found,)), *layouts),
        all_warnings(
            decoded.warnings,
            chosen.mask.warnings,
            chosen.notes,
            caption.notes,
            () if given == "ingest" else _caption_notes(subject, stored, sha256),
            notes,
        ),
    )


def _mask(
    subject: SubjectSpec,
    decoded: DecodedImage,
    choice: IngestionChoice,
    resources: Resources,
    known: KnownMasks,
    given: Given,
    style: Style,
) -> ChosenMask:
    asked = is_auto("mask", subject.mask)
    return choose_mask(
        decoded.image,
        decoded.alpha,
        None if asked or subject.mask is None else read(subject.mask, resources.settings),
        asked=asked,
        given=given,
        insist=subject.replace or given == "ingest",
        known=known,
        masker=masker_for(subject.mask, choice.masker, style),
    )


def _controls(
    subject: SubjectSpec,
    decoded: DecodedImage,
    choice: IngestionChoice,
    resources: Resources,
    known: KnownAnnotations,
    given: Given,
) -> tuple[list[ChosenAnnotation], list[str]]:
    """Return the reference's own control images, and notes about them."""
    layouts, notes = list[ChosenAnnotation](), list[str]()
    estimated = [kind for kind in choice.kinds if kind in choice.estimators]
    kinds = dict.fromkeys((*subject.layouts, *(one.kind for one in known.rows if one.kind != CAPTION), *estimated))
    if not kinds:
        return layouts, notes
    from flows.ingestion.own_controls import ControlChooser

    chooser = ControlChooser(decoded.image, known, choice, resources.settings, given)
    for kind in kinds:
        with naming(f"{kind} {shown(subject.layouts.get(kind, 'of the reference'))}"):
            chosen = chooser.choose(subject, kind)
        if isinstance(chosen, ChosenAnnotation):
            layouts.append(chosen)
            notes += chosen.notes
        elif chosen is not None:
            notes.append(chosen)
    return layouts, notes


def _caption_notes(subject: SubjectSpec, stored: Stored | None, sha256: str) -> tuple[str, ...]:
    """Return a note if an entry gives another caption for the stored reference."""
    kept = None if stored is None or subject.replace else stored.caption_of(sha256)
    if subject.caption is None or is_auto(CAPTION, subject.caption) or kept in (None, subject.caption):
        return ()
    return (
        f"the caption given is used for this run only: the catalog keeps {kept!r} for other runs of "
        "the subject; set replace: true to change it there",
    )


@contextmanager
def naming(what: str) -> Iterator[None]:
    """Raise what is wrong with a file of a subject as SubjectError that begins with `what`."""
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
