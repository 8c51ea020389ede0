"""One subject taken in: its bytes in the store, then its rows in the catalog."""

from dataclasses import dataclass

from flows.picture import PNG, content_type
from flows.plan import Facts
from flows.prepare import Prepared, known_mask_in, prepare
from flows.resources import catalog_of, store_of
from flows.settings import Settings
from flows.spec import SubjectSpec
from storage.catalog import writes
from storage.keeping import keeping


@dataclass(frozen=True)
class Ingested:
    """A subject's rows in the catalog, and what the plan needs to know of it."""

    facts: Facts
    subject_id: int
    reference_id: int
    mask_id: int
    confidence: float
    doubtful: bool


def take_in(subject: SubjectSpec, settings: Settings) -> Ingested:
    """Read, check, mask and keep one subject; SubjectRefused says what is wrong with its files."""
    known = known_mask_in(catalog_of(settings), store_of(settings), subject.name)
    return keep(prepare(subject, settings, known), settings)


def keep(prepared: Prepared, settings: Settings) -> Ingested:
    """Put the bytes, then write the rows that name them; layouts are named by the cells that use them."""
    subject, mask = prepared.subject, prepared.mask
    reference = (prepared.reference, content_type(prepared.reference))
    layouts = [(one.data, content_type(one.data)) for one in prepared.layouts]
    kept = keeping(catalog_of(settings), store_of(settings), reference, (prepared.mask_png, PNG), *layouts)
    with kept as (s, [reference_sha256, mask_sha256, *_]):
        subject_id = writes.add_subject(s, name=subject.name, class_word=subject.class_word, style=subject.style)
        reference_id = writes.add_reference(
            s,
            subject_id=subject_id,
            image_sha256=reference_sha256,
            width=prepared.width,
            height=prepared.height,
            source=subject.reference,
            caption=subject.caption,
        )
        mask_id = writes.add_mask(
            s,
            reference_id=reference_id,
            mask_sha256=mask_sha256,
            method=mask.method,
            confidence=mask.confidence,
            doubtful=mask.doubtful,
        )
    return Ingested(prepared.facts, subject_id, reference_id, mask_id, mask.confidence, mask.doubtful)
