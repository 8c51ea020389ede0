"""The subjects of outputs, each with the reference and mask that the image was generated from."""

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import ColumnElement, func, or_, select
from sqlalchemy.orm import Session, aliased

from storage.catalog.database.sql import chunks
from storage.catalog.records import ReferenceWeight
from storage.catalog.schema import CellReference, CellSubject, Mask, Output, Reference, Subject, Training
from storage.catalog.views.reference_sets import references_in_use
from storage.redaction import redact_url


@dataclass(frozen=True)
class OutputReference:
    """A further reference that an image was generated from, with its mask; `newer_mask` as in OutputSubject."""

    reference_id: int
    sha256: str
    source: str
    mask_sha256: str | None
    mask_version: int | None
    newer_mask: bool
    caption: str


@dataclass(frozen=True)
class OutputSubject:
    """A subject of an image. `position` counts the subjects of the image from 0; names of the same one share it.

    `earlier_reference`: the subject has another reference now, or other further ones; `newer_mask`: the reference, or a
    further one, has another mask now; `further`: the references that it was generated from beside that one.
    `mask_method`, `mask_licence`: what found the mask, or "user" or "given", and the licence of its model.
    """

    subject_id: int
    name: str
    class_word: str
    style: str
    position: int
    reference_id: int
    reference_sha256: str
    reference_source: str
    mask_sha256: str | None
    mask_version: int | None
    earlier_reference: bool
    newer_mask: bool
    mask_method: str | None = None
    mask_licence: str | None = None
    further: Sequence[OutputReference] = ()


def subjects_of_outputs(
    s: Session, output_ids: Sequence[int], first: int | None = None
) -> dict[int, list[OutputSubject]]:
    """List the subjects of each output: `first` if it is one of them, then the cell's own, then the others."""
    current, later = aliased(Mask), aliased(Reference)
    newest_mask = select(current.id).where(current.reference_id == Reference.id).order_by(current.turn.desc()).limit(1)
    newest = select(later.id).where(later.subject_id == Subject.id).order_by(later.turn.desc()).limit(1)
    rows: Any = select(Output.id.label("output_id"), Output.subject_id.label("own"), Subject.id.label("subject_id"))
    rows = rows.add_columns(Subject.name, Subject.class_word, Subject.style, CellSubject.position)
    rows = rows.add_columns(Reference.id.label("reference_id"), Reference.image_sha256.label("reference_sha256"))
    rows = rows.add_columns(Reference.source.label("reference_source"), Mask.mask_sha256)
    rows = rows.add_columns(Mask.version.label("mask_version"), Mask.id.label("mask_id"))
    rows = rows.add_columns(Mask.method.label("mask_method"), Mask.licence.label("mask_licence"))
    rows = rows.add_columns(newest.label("newest_id"), newest_mask.label("newest_mask_id")).select_from(Output)
    rows = rows.join(CellSubject, CellSubject.cell_id == Output.cell_id)
    rows = rows.join(Subject, Subject.id == CellSubject.subject_id)
    rows = rows.join(Reference, Reference.id == CellSubject.reference_id)
    rows = rows.outerjoin(Mask, Mask.id == CellSubject.mask_id)
    found: dict[int, list[tuple[tuple[Any, ...], OutputSubject]]] = defaultdict(list)
    further, sets = _further(s, output_ids), dict[int, list[ReferenceWeight]]()
    for part in chunks(output_ids):
        each = s.execute(rows.where(Output.id.in_(part))).all()
        sets |= references_in_use(s, {row.reference_id for row in each})
        for row in each:
            about = dict(row._mapping)
            output_id, own, newest_id = about.pop("output_id"), about.pop("own"), about.pop("newest_id")
            mask_id, newest_mask_id = about.pop("mask_id"), about.pop("newest_mask_id")
            about["reference_source"] = redact_url(row.reference_source)  # older rows may contain secrets
            more = about["further"] = further.get((output_id, row.subject_id), [])
            now = [one.reference_id for one in sets.get(row.reference_id, ())[1:]]
            about["earlier_reference"] = newest_id != row.reference_id or now != [one.reference_id for one in more]
            about["newer_mask"] = _is_newer(mask_id, newest_mask_id) or any(one.newer_mask for one in more)
            one = OutputSubject(**about)
            place = (one.subject_id != first, one.position, one.subject_id != own, one.subject_id)
            found[output_id].append((place, one))
    return {output_id: [one for _, one in sorted(ones, key=lambda pair: pair[0])] for output_id, ones in found.items()}


def first_seen(cell_id: Any, own_id: Any) -> ColumnElement[int]:
    """Build the id of a cell's own subject, or of its first one for a session that does not see that one."""
    link, first = aliased(CellSubject), aliased(CellSubject)
    own = select(link.subject_id).where(link.cell_id == cell_id, link.subject_id == own_id)
    other = select(first.subject_id).where(first.cell_id == cell_id).order_by(first.position, first.subject_id)
    return func.coalesce(own.scalar_subquery(), other.limit(1).scalar_subquery())


def _is_newer(mask_id: int | None, newest_id: int | None) -> bool:
    return None not in (mask_id, newest_id) and mask_id != newest_id


def _further(s: Session, output_ids: Sequence[int]) -> dict[tuple[int, int], list[OutputReference]]:
    """List the further references of the outputs in order, by output and subject."""
    current = aliased(Mask)
    newest = select(current.id).where(current.reference_id == Reference.id).order_by(current.turn.desc()).limit(1)
    rows: Any = select(Output.id.label("output_id"), CellReference, Reference, Mask, newest.label("newest_mask_id"))
    rows = rows.select_from(Output).join(CellReference, CellReference.cell_id == Output.cell_id)
    rows = rows.join(Reference, Reference.id == CellReference.reference_id)
    rows = rows.outerjoin(Mask, Mask.id == CellReference.mask_id).order_by(CellReference.position)
    found: dict[tuple[int, int], list[OutputReference]] = defaultdict(list)
    for part in chunks(output_ids):
        for output_id, link, reference, mask, newest_mask_id in s.execute(rows.where(Output.id.in_(part))):
            found[output_id, link.subject_id].append(
                OutputReference(
                    reference_id=reference.id,
                    sha256=reference.image_sha256,
                    source=redact_url(reference.source),
                    mask_sha256=None if mask is None else mask.mask_sha256,
                    mask_version=None if mask is None else mask.version,
                    newer_mask=_is_newer(link.mask_id, newest_mask_id),
                    caption=link.caption,
                )
            )
    return found


def trained_for(subject_id: Any) -> ColumnElement[bool]:
    """Build the condition that a fine-tuning belongs to a subject, also under another name of the same bytes."""
    theirs, ours, masks, our_mask = aliased(Reference), aliased(Reference), aliased(Mask), aliased(Mask)
    subject = aliased(Subject)
    same = select(theirs.id).join(subject, subject.id == theirs.subject_id)
    same = same.join(ours, ours.image_sha256 == theirs.image_sha256).where(ours.id == Training.reference_id)
    same = same.where(theirs.subject_id == subject_id, Training.recipe["class_word"].as_string() == subject.class_word)
    same = same.where(Training.recipe["style"].as_string() == subject.style)
    mask = select(masks.id).join(our_mask, our_mask.mask_sha256 == masks.mask_sha256)
    mask = mask.where(our_mask.id == Training.mask_id, masks.reference_id == theirs.id)
    mine = aliased(Reference)
    own = select(mine.id).where(mine.id == Training.reference_id, mine.subject_id == subject_id)
    return or_(own.exists(), same.where(or_(Training.mask_id.is_(None), mask.exists())).exists())
