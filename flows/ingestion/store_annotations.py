"""Writes the chosen captions and control images of a reference, and compares them with what is in use afterwards."""

from collections.abc import Mapping, Sequence
from dataclasses import replace

from sqlalchemy.orm import Session

from flows.ingestion.annotations import ChosenAnnotation
from flows.ingestion.facts import Facts
from flows.spec.prompt import expand
from storage.catalog import writes
from storage.catalog.records import CAPTION, PERSONS, AnnotationFacts


def store_annotation(s: Session, chosen: ChosenAnnotation, reference_id: int, *, insist: bool) -> None:
    """Enter an annotation whose control image, if any, is stored; one that is the reference's already is left alone."""
    if chosen.stored is not None and not chosen.asked:
        return
    writes.add_annotation(
        s,
        reference_id=reference_id,
        kind=chosen.kind,
        method=chosen.method,
        text=chosen.text,
        image_sha256=chosen.sha256,
        words=chosen.words,
        confidence=chosen.confidence,
        licence=chosen.licence,
        notes=chosen.remarks,
        given=chosen.given,
        requested=chosen.asked,
        insist=insist,
    )


def current_annotations(rows: Sequence[AnnotationFacts]) -> dict[str, AnnotationFacts]:
    """Return the current annotation of each kind. `rows`: as `views.annotations_of` lists them."""
    found: dict[str, AnnotationFacts] = {}
    for one in rows:
        found.setdefault(one.kind, one)
    return found


def corrected(facts: Facts, chosen: Sequence[ChosenAnnotation], current: Mapping[str, AnnotationFacts]) -> Facts:
    """Return the facts with what a person gave in the dashboard while ingestion looked at the reference."""
    layouts = dict(facts.layouts)
    for one in chosen:
        now = current.get(one.kind)
        overtaken = one.given == "found" and one.stored is None and now is not None and now.given in PERSONS
        if not overtaken or now is None or now.given == "spec":
            continue
        if one.kind == CAPTION and now.text is not None:
            facts = replace(facts, caption=expand(now.text, class_word=facts.class_word, style=facts.style))
        elif now.image_sha256 is not None:
            layouts[one.kind] = now.image_sha256
    return replace(facts, layouts=layouts)
