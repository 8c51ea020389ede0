"""Ingests one subject: its files into the store, then its rows into the catalog."""

from collections.abc import Iterator
from dataclasses import dataclass, replace

from sqlalchemy.orm import Session

from flows.image_io import PNG, content_type
from flows.ingestion.annotations import licence_of_method
from flows.ingestion.choice import StatedEyes
from flows.ingestion.facts import Facts
from flows.ingestion.known import stored_subject
from flows.ingestion.masking import all_warnings
from flows.ingestion.prepare import prepare
from flows.ingestion.prepare_reference import Prepared, further_warnings
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

    The rows, the mask's confidence and the annotations are those of its first reference; `further`: the same of each
    other one. The warnings are of all.
    """

    facts: Facts
    subject_id: int
    reference_id: int
    mask_id: int
    confidence: float
    doubtful: bool
    warnings: tuple[str, ...] = ()
    annotations: tuple[AnnotationFacts, ...] = ()
    further: tuple["Ingested", ...] = ()

    @property
    def any_doubtful(self) -> bool:
        """Whether the mask of a reference is doubtful."""
        return self.doubtful or any(one.doubtful for one in self.further)


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
    """Store the files of all references, then write the rows that refer to them.

    Concurrent writes since `prepared` was read take precedence: raises SubjectError if the name is another subject's by
    now; a mask, a caption or a control image that a person gave meanwhile stays current.
    """
    every = (prepared, *prepared.further)
    pieces = [piece for one in every for piece in _files(one)]
    stored_blobs = storing(resources.catalog, resources.store, *pieces)
    insist = prepared.subject.replace or given == "ingest"
    try:
        with stored_blobs as (s, _):
            subject_id, reference_id = writes.enter_subject(
                s,
                name=prepared.facts.name,
                class_word=prepared.facts.class_word,
                style=prepared.facts.style,
                image_sha256=prepared.facts.reference_sha256,
                width=prepared.width,
                height=prepared.height,
                source=prepared.source,
                caption=prepared.caption,
                weight=prepared.facts.weight,
                further=[(one.facts.reference_sha256, one.facts.weight) for one in prepared.further],
                replace=prepared.subject.replace,
                recaption=given == "ingest",
                given=given,
            )
            ids = [reference_id]
            for one in prepared.further:
                ids.append(
                    writes.add_further_reference(
                        s,
                        subject_id=subject_id,
                        image_sha256=one.facts.reference_sha256,
                        width=one.width,
                        height=one.height,
                        source=one.source,
                        caption=one.caption,
                        insist=insist,
                        given=given,
                    )
                )
            writes.set_references(s, [(id, one.facts.weight) for id, one in zip(ids, every, strict=True)])
            first, *others = [
                _stored(s, one, subject_id, id, insist=insist) for id, one in zip(ids, every, strict=True)
            ]
    except NameTakenError as error:
        raise SubjectError(f"name: {error}") from error
    return replace(
        first,
        facts=replace(first.facts, further=tuple(one.facts for one in others)),
        warnings=all_warnings(first.warnings, further_warnings([one.warnings for one in others])),
        further=tuple(others),
    )


def _files(prepared: Prepared) -> Iterator[tuple[bytes, str]]:
    """Yield the files of one reference, each with its content type."""
    yield prepared.reference, content_type(prepared.reference)
    yield prepared.mask_png, PNG
    yield from ((one.data, content_type(one.data)) for one in prepared.annotations if one.data is not None)


def _stored(s: Session, prepared: Prepared, subject_id: int, reference_id: int, *, insist: bool) -> Ingested:
    """Enter what was found out about one reference, and return it with what is in use now."""
    _store_mask(s, prepared, reference_id, insist=insist)
    for one in prepared.annotations:
        store_annotation(s, one, reference_id, insist=insist)
    annotations = current_annotations(views.annotations_of(s, reference_id))
    mask, *_ = views.masks_of(s, prepared.facts.name, prepared.facts.reference_sha256)
    facts = corrected(replace(prepared.facts, mask_sha256=mask.sha256), prepared.annotations, annotations)
    warnings = prepared.own_warnings if mask.sha256 == prepared.facts.mask_sha256 else mask.warnings or ()
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
