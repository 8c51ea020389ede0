"""Ingests one subject: its files into the store, then its rows into the catalog."""

from dataclasses import dataclass, replace

from sqlalchemy.orm import Session

from flows.image_io import PNG, content_type
from flows.ingestion.annotations import licence_of_method
from flows.ingestion.choice import StatedEyes
from flows.ingestion.facts import Facts
from flows.ingestion.known import stored_subject
from flows.ingestion.masking import all_warnings
from flows.ingestion.prepare import Prepared, prepare
from flows.ingestion.store_annotations import corrected, current_annotations, store_annotation
from flows.resources import Resources
from flows.spec.problems import SubjectError
from flows.spec.subject import SubjectSpec
from storage.catalog import views, writes
from storage.catalog.records import AnnotationFacts, Given, NameTakenError
from storage.ingest import storing


@dataclass(frozen=True)
class Ingested:
    """An ingested subject: its facts and its rows in the catalog. `warnings`: one sentence each.

    `annotations`: the captions and control images of its own that are in use, with their origin and confidence.
    """

    facts: Facts
    subject_id: int
    reference_id: int
    mask_id: int
    confidence: float
    doubtful: bool
    warnings: tuple[str, ...] = ()
    annotations: tuple[AnnotationFacts, ...] = ()


@dataclass(frozen=True)
class IngestResult:
    """The ingested subjects, in spec order, and why others were rejected (name to reason)."""

    ingested: tuple[Ingested, ...]
    refused: dict[str, str]


def prepare_and_store(
    subject: SubjectSpec,
    resources: Resources,
    *,
    given: Given = "spec",
    profile: str | None = None,
    stated: StatedEyes | None = None,
) -> Ingested:
    """Read, check, mask and store one subject. Raises SubjectError. `given`, `profile`, `stated`: as in `prepare`."""
    stored = stored_subject(subject.name, resources)
    prepared = prepare(subject, resources, stored, given=given, profile=profile, stated=stated)
    return store_prepared(prepared, resources, given=given)


def store_prepared(prepared: Prepared, resources: Resources, *, given: Given = "spec") -> Ingested:
    """Store the files, then write the rows that refer to them.

    Concurrent writes since `prepared` was read take precedence: raises SubjectError if the name is another subject's by
    now; a mask, a caption or a control image that a person gave meanwhile stays current.
    """
    reference = (prepared.reference, content_type(prepared.reference))
    layouts = [(one.data, content_type(one.data)) for one in prepared.annotations if one.data is not None]
    stored_blobs = storing(resources.catalog, resources.store, reference, (prepared.mask_png, PNG), *layouts)
    try:
        with stored_blobs as (s, [reference_sha256, *_]):
            subject_id, reference_id = writes.enter_subject(
                s,
                name=prepared.facts.name,
                class_word=prepared.facts.class_word,
                style=prepared.facts.style,
                image_sha256=reference_sha256,
                width=prepared.width,
                height=prepared.height,
                source=prepared.source,
                caption=prepared.caption,
                replace=prepared.subject.replace,
                recaption=given == "ingest",
                given=given,
            )
            insist = prepared.subject.replace or given == "ingest"
            _store_mask(s, prepared, reference_id, insist=insist)
            for one in prepared.annotations:
                store_annotation(s, one, reference_id, insist=insist)
            annotations = current_annotations(views.annotations_of(s, reference_id))
            mask = views.subject_assets(s, prepared.facts.name).mask
    except NameTakenError as error:
        raise SubjectError(f"name: {error}") from error
    assert mask is not None, "one was just entered"
    facts = corrected(replace(prepared.facts, mask_sha256=mask.sha256), prepared.annotations, annotations)
    warnings = prepared.warnings if mask.sha256 == prepared.facts.mask_sha256 else mask.warnings or ()
    return Ingested(
        facts,
        subject_id,
        reference_id,
        mask.id,
        mask.confidence,
        mask.doubtful,
        all_warnings(warnings),
        tuple(annotations.values()),
    )


def _store_mask(s: Session, prepared: Prepared, reference_id: int, *, insist: bool) -> None:
    chosen, mask = prepared.chosen, prepared.mask
    if chosen.stored is not None:
        if chosen.stored.warnings is None:
            stored = chosen.stored.id
            writes.record_mask_quality(
                s, stored, confidence=mask.confidence, doubtful=mask.doubtful, warnings=mask.warnings
            )
        return
    writes.add_mask(
        s,
        reference_id=reference_id,
        mask_sha256=chosen.sha256,
        method=mask.method,
        confidence=mask.confidence,
        doubtful=mask.doubtful,
        warnings=mask.warnings,
        given=chosen.given,
        requested=chosen.asked,
        insist=insist,
        licence=licence_of_method(mask.method),
    )
