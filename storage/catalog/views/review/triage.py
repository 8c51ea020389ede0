"""What triage works with: the team's decisions, what is known of outputs without looking at them, and the model."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import and_, func, select
from sqlalchemy.orm import Session, aliased

from storage.catalog.database.sql import chunks
from storage.catalog.records import Decision
from storage.catalog.schema import Cell, Fingerprint, Output, Reference, Review, TriageModel
from storage.catalog.views.scores import scores_of


@dataclass(frozen=True)
class OutputSigns:
    """What is known of an output before anyone looks at it.

    The columns of its fingerprint, and of its reference's, are None where there is none.
    """

    output_id: int
    image_sha256: str
    decision: Decision
    subject_id: int
    prompt: str
    width: int
    height: int
    phash: str | None
    structure: bytes | None
    hash_version: str | None
    vector: bytes | None
    model: str | None
    reference_vector: bytes | None
    reference_model: str | None
    reference_structure: bytes | None
    scores: Mapping[str, float]


@dataclass(frozen=True)
class TriageModelView:
    """The stored model; see storage.catalog.schema.queues.TriageModel."""

    id: int
    version: str
    decisions: int
    keepers: int
    weights: Mapping[str, Any]
    created_at: datetime


def signs_of(s: Session, output_ids: Sequence[int]) -> list[OutputSigns]:
    """Return the signs of these outputs, in this order, omitting unknown ids."""
    of_reference = aliased(Fingerprint)
    same_version = of_reference.hash_version == Fingerprint.hash_version
    columns = (Output.id.label("output_id"), Output.image_sha256, Output.decision, Output.subject_id, Cell.prompt)
    rows = select(*columns, Output.width, Output.height)
    rows = rows.add_columns(
        Fingerprint.phash, Fingerprint.structure, Fingerprint.hash_version, Fingerprint.vector, Fingerprint.model
    )
    rows = rows.add_columns(of_reference.vector.label("reference_vector"), of_reference.model.label("reference_model"))
    rows = rows.add_columns(of_reference.structure.label("reference_structure"))
    rows = rows.join(Cell, Cell.id == Output.cell_id).join(Reference, Reference.id == Cell.reference_id)
    rows = rows.outerjoin(Fingerprint, Fingerprint.image_sha256 == Output.image_sha256)
    rows = rows.outerjoin(of_reference, and_(of_reference.image_sha256 == Reference.image_sha256, same_version))
    scores, found = scores_of(s, output_ids), dict[int, OutputSigns]()
    for part in chunks(output_ids):
        for row in s.execute(rows.where(Output.id.in_(part))):
            found[row.output_id] = OutputSigns(**row._mapping, scores=scores.get(row.output_id, {}))
    return [found[one] for one in dict.fromkeys(output_ids) if one in found]


def decided(s: Session, decision: Decision, most: int) -> Sequence[int]:
    """List the newest outputs with this decision, at most `most`."""
    chosen = select(Output.id).where(Output.decision == decision).order_by(Output.id.desc()).limit(most)
    return s.scalars(chosen).all()


def count_decided(s: Session, decision: Decision, most: int) -> int:
    """Count the outputs with this decision, up to `most`."""
    chosen = select(Output.id).where(Output.decision == decision).limit(most)
    return s.scalar(select(func.count()).select_from(chosen.subquery())) or 0


def last_review(s: Session) -> int:
    """Return the id of the newest review; 0 if there is none."""
    return s.scalar(select(func.max(Review.id))) or 0


def triage_model(s: Session, version: str) -> TriageModelView | None:
    """Return the newest model of this version; None if there is none."""
    row = s.scalar(select(TriageModel).where(TriageModel.version == version).order_by(TriageModel.id.desc()).limit(1))
    if row is None:
        return None
    return TriageModelView(
        id=row.id,
        version=row.version,
        decisions=row.decisions,
        keepers=row.keepers,
        weights=row.weights,
        created_at=row.created_at,
    )
