"""What triage works with: decisions on a project's outputs, what is known of outputs unseen, and the model."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import Select, and_, func, select
from sqlalchemy.orm import Session, aliased

from storage.catalog.database.sql import chunks
from storage.catalog.records import Decision
from storage.catalog.schema import Cell, Fingerprint, Output, Reference, Review, Run, Subject, TriageModel
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


def projects_of(s: Session, output_ids: Sequence[int]) -> dict[int, int | None]:
    """Return the project of each output, that of the run that generated it, by output; None: of no project.

    An output whose run was forgotten is of its subject's project. Unknown ids are left out.
    """
    of_run, of_subject = Run.__table__.alias("runs_of_outputs"), Subject.__table__.alias("subjects_of_outputs")
    rows = select(Output.id, func.coalesce(of_run.c.project_id, of_subject.c.project_id))
    rows = rows.outerjoin(of_run, of_run.c.id == Output.run_id)
    rows = rows.outerjoin(of_subject, and_(of_subject.c.id == Output.subject_id, Output.run_id.is_(None)))
    found: dict[int, int | None] = {}
    for part in chunks(output_ids):
        found |= dict(s.execute(rows.where(Output.id.in_(part))).all())
    return found


def decided(s: Session, decision: Decision, most: int, project_id: int | None) -> Sequence[int]:
    """List the newest outputs of a project with this decision, at most `most`; None: of no project."""
    return s.scalars(_decided(decision, most, project_id)).all()


def count_decided(s: Session, decision: Decision, most: int, project_id: int | None) -> int:
    """Count the outputs of a project with this decision, up to `most`; None: of no project."""
    chosen = _decided(decision, most, project_id).order_by(None)
    return s.scalar(select(func.count()).select_from(chosen.subquery())) or 0


def _decided(decision: Decision, most: int, project_id: int | None) -> Select[int]:
    runs = Run.__table__.alias("runs_of_project")
    ours = runs.c.project_id.is_(None) if project_id is None else runs.c.project_id == project_id
    chosen = select(Output.id).where(Output.decision == decision, Output.run_id.in_(select(runs.c.id).where(ours)))
    return chosen.order_by(Output.id.desc()).limit(most)


def decided_since(s: Session, review_id: int, most: int, project_id: int | None) -> int:
    """Count the reviews of a project's outputs after the one with this id, up to `most`."""
    of_run = Run.__table__.alias("runs_of_outputs")
    later = select(Review.id).join(Output, Output.id == Review.output_id)
    later = later.outerjoin(of_run, of_run.c.id == Output.run_id).where(Review.id > review_id)
    ours = of_run.c.project_id.is_(None) if project_id is None else of_run.c.project_id == project_id
    return s.scalar(select(func.count()).select_from(later.where(ours).limit(most).subquery())) or 0


def last_review(s: Session) -> int:
    """Return the id of the newest review; 0 if there is none."""
    return s.scalar(select(func.max(Review.id))) or 0


def triage_model(s: Session, version: str, project_id: int | None) -> TriageModelView | None:
    """Return the newest model of this version for a project; None if there is none."""
    ours = TriageModel.project_id.is_(None) if project_id is None else TriageModel.project_id == project_id
    rows = select(TriageModel).where(TriageModel.version == version, ours).order_by(TriageModel.id.desc())
    row = s.scalar(rows.limit(1))
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
