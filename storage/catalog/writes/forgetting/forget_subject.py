"""Forgets a subject: its name, references, masks, fine-tunings and images, and every mention of it.

What is shared with another subject, whose reference has the same bytes, is kept for that subject.
"""

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import and_, delete, not_, or_, select, update
from sqlalchemy.orm import Session, aliased

from storage.catalog.claims import expired
from storage.catalog.database.sql import chunks, instant
from storage.catalog.narrowing import everything
from storage.catalog.records import CatalogError, NotInCatalogError
from storage.catalog.schema import (
    Annotation,
    Cell,
    CellReference,
    CellSubject,
    Checkpoint,
    FirstNumbers,
    Mask,
    Output,
    Reference,
    ReferenceMember,
    Run,
    RunCell,
    Score,
    Subject,
    SubjectScore,
    Training,
)
from storage.catalog.writes.audit import record_audit
from storage.catalog.writes.forgetting.erase import Erased, clear_runs, end, erase_cells, erase_history, erase_run
from storage.catalog.writes.forgetting.forget import (
    SILENT_SECONDS,
    counts,
    demand_seen,
    not_generating,
    outputs_of,
    run_under_way,
)
from storage.catalog.writes.forgetting.redact import (
    FORGOTTEN,
    clear_queues,
    redact_audit,
    redacted,
    runs_naming,
    subjects_named,
)
from storage.catalog.writes.ids import retire_ids
from storage.catalog.writes.runs.dead import close_crashed_runs


@dataclass(frozen=True)
class _Heir:
    """Another subject that shares a cell or a fine-tuning through a reference with the same bytes."""

    subject_id: int
    reference_id: int
    mask_id: int | None


def forget_subject(s: Session, name: str, *, actor: str, silent_seconds: float = SILENT_SECONDS) -> Erased:
    """Delete a subject completely. Raises CatalogError while a run, an image or a fine-tuning of it is in progress.

    Images shared with another subject are kept for that subject (`shared`). Runs with other subjects are kept without
    this one and without their contact sheets; runs of this subject alone are deleted. The audit still records who did
    what and when, without the name.
    """
    subject = s.scalar(select(Subject).where(Subject.name == name).with_for_update())
    if subject is None:
        raise NotInCatalogError(f"subject {name!r} is not in the catalog; `dreamtuner subjects` lists them")
    demand_seen(s, select(CellSubject.cell_id).where(CellSubject.subject_id == subject.id), f"subject {name!r}")
    with everything(s):
        return _subject(s, subject, actor=actor, silent_seconds=silent_seconds)


def _subject(s: Session, subject: Subject, *, actor: str, silent_seconds: float) -> Erased:
    close_crashed_runs(s, silent_seconds)
    name = subject.name
    subject_id, erased = subject.id, Erased(subjects=1)
    runs = runs_naming(s, name)
    cells = s.scalars(select(CellSubject.cell_id).where(CellSubject.subject_id == subject_id)).all()
    _at_rest(s, subject, runs, cells)
    heirs = _heirs(s, subject_id)
    gone = [one for one in cells if one not in heirs]
    outputs = outputs_of(s, gone)
    erased.shared = len(outputs_of(s, list(heirs)))
    erase_cells(s, gone, erased)
    _hand_over(s, subject_id, heirs)
    _fine_tunings(s, subject, erased)
    _references(s, subject_id, erased)
    erased.shared_with = _names_of(s, list(heirs))
    s.execute(
        update(RunCell).where(RunCell.subject_id == subject_id).values(subject_id=None),
        execution_options={"synchronize_session": False},
    )
    first = delete(FirstNumbers).where(FirstNumbers.kind == "subject", FirstNumbers.name == name)
    s.execute(first, execution_options={"synchronize_session": False})
    _runs(s, name, runs, erased)
    clear_queues(s, outputs, subject_id)
    redacted_entries = redact_audit(s, name)
    retire_ids(s, Subject, [subject_id])
    s.delete(subject)
    end(s, erased)
    after = counts(erased) | ({"redacted": redacted_entries} if redacted_entries else {})
    record_audit(s, actor=actor, action="forget", entity="subject", entity_id=subject_id, after=after)
    return erased


def _at_rest(s: Session, subject: Subject, runs: Sequence[Run], cells: Sequence[int]) -> None:
    asked = select(RunCell.run_id).join(CellSubject, CellSubject.cell_id == RunCell.cell_id)
    asked = asked.where(RunCell.run_id == Run.id, CellSubject.subject_id == subject.id)
    making = s.scalars(select(Run).where(Run.state == "running", asked.exists())).all()
    for run in (*runs, *making):
        if run.state == "running":
            raise run_under_way(f"subject {subject.name!r}", run.id, run.name)
    not_generating(s, cells, f"subject {subject.name!r}")
    held = select(Training.owner).join(Reference, Reference.id == Training.reference_id)
    held = held.where(Reference.subject_id == subject.id, Training.owner.is_not(None))
    over = expired(instant(s), s.scalars(held))
    if s.scalars(held.where(not_(over))).first() is not None:
        raise CatalogError(f"subject {subject.name!r} is being fine-tuned; cancel that or wait until it ends")


def _heirs(s: Session, subject_id: int) -> dict[int, _Heir]:
    """Map each cell that is shared at the same position to the other subject that keeps it."""
    other = aliased(CellSubject)
    same = and_(
        other.cell_id == CellSubject.cell_id,
        other.position == CellSubject.position,
        other.subject_id != CellSubject.subject_id,
    )
    rows = select(CellSubject.cell_id, other.subject_id, other.reference_id, other.mask_id).join(other, same)
    rows = rows.where(CellSubject.subject_id == subject_id).order_by(CellSubject.cell_id, other.subject_id.desc())
    # the first of several comes last and wins
    return {row.cell_id: _Heir(row.subject_id, row.reference_id, row.mask_id) for row in s.execute(rows)}


def _names_of(s: Session, cell_ids: Sequence[int]) -> list[str]:
    """List the names of the subjects that these cells still show."""
    found: set[str] = set()
    for part in chunks(cell_ids):
        names = select(Subject.name).join(CellSubject, CellSubject.subject_id == Subject.id)
        found.update(s.scalars(names.where(CellSubject.cell_id.in_(part)).distinct()))
    return sorted(found)


def _hand_over(s: Session, subject_id: int, heirs: dict[int, _Heir]) -> None:
    """Transfer the shared cells to the other subjects."""
    theirs: dict[_Heir, list[int]] = defaultdict(list)
    for cell_id, heir in heirs.items():
        theirs[heir].append(cell_id)
    quiet = {"synchronize_session": False}
    for heir, cell_ids in theirs.items():
        for part in chunks(cell_ids):
            outputs = select(Output.id).where(Output.cell_id.in_(part))
            links = delete(CellSubject).where(CellSubject.cell_id.in_(part), CellSubject.subject_id == subject_id)
            scores = delete(SubjectScore).where(SubjectScore.output_id.in_(outputs))
            s.execute(scores.where(SubjectScore.subject_id == subject_id), execution_options=quiet)
            s.execute(links, execution_options=quiet)
            further = delete(CellReference).where(CellReference.cell_id.in_(part))
            s.execute(further.where(CellReference.subject_id == subject_id), execution_options=quiet)
            ours = update(Cell).where(Cell.id.in_(part), Cell.subject_id == subject_id)
            s.execute(ours.values(vars(heir)), execution_options=quiet)
            copies = {"subject_id": heir.subject_id}
            of_outputs = update(Output).where(Output.cell_id.in_(part), Output.subject_id == subject_id)
            s.execute(of_outputs.values(copies), execution_options=quiet)
            of_scores = update(Score).where(Score.output_id.in_(outputs), Score.subject_id == subject_id)
            s.execute(of_scores.values(copies), execution_options=quiet)


def _fine_tunings(s: Session, subject: Subject, erased: Erased) -> None:
    """Delete the subject's fine-tunings and checkpoints; transfer shared ones to the other subject."""
    references = select(Reference.id).where(Reference.subject_id == subject.id)
    learnt = select(Training.checkpoint_id, Training.recipe).where(Training.checkpoint_id.is_not(None))
    recipes: dict[int, Mapping[str, Any]] = {
        row[0]: row[1] for row in s.execute(learnt.where(Training.reference_id.in_(references)))
    }
    for training in s.scalars(select(Training).where(Training.reference_id.in_(references))).all():
        heir = _twin(s, subject, training.reference_id, training.mask_id, training.recipe)
        if heir is not None:
            training.reference_id, training.mask_id = heir.reference_id, heir.mask_id
            continue
        erased.trainings.append(training.digest)
        if training.resume_sha256 is not None:
            erased.blobs.add(training.resume_sha256)
        erase_history(s, "training", [training.digest])
        s.delete(training)
    s.flush()
    ours = or_(Checkpoint.subject_id == subject.id, Checkpoint.reference_id.in_(references))
    for one in s.scalars(select(Checkpoint).where(ours)).all():
        heir = _twin(s, subject, one.reference_id, one.mask_id, recipes.get(one.id, {}))
        theirs = None if heir is None else _same_checkpoint(s, heir.reference_id, one)
        if heir is not None and theirs is None:
            one.subject_id, one.reference_id, one.mask_id = heir.subject_id, heir.reference_id, heir.mask_id
            continue
        for table in (Cell, Training):
            moved = update(table).where(table.checkpoint_id == one.id).values(checkpoint_id=theirs)
            s.execute(moved, execution_options={"synchronize_session": False})
        erased.blobs.add(one.weights_sha256)
        erased.checkpoints += 1
        erase_history(s, "checkpoint", [one.id])
        retire_ids(s, Checkpoint, [one.id])
        s.delete(one)
    s.flush()


def _twin(
    s: Session, subject: Subject, reference_id: int, mask_id: int | None, recipe: Mapping[str, Any]
) -> _Heir | None:
    """Find another subject of the same class and style whose reference and mask have the same bytes.

    It must also have every further reference that `recipe` says was learnt from.
    """
    ours, our_mask = aliased(Reference), aliased(Mask)
    rows = select(Reference.subject_id, Reference.id.label("reference_id"), Mask.id.label("mask_id"))
    rows = rows.join(ours, ours.image_sha256 == Reference.image_sha256)
    rows = rows.join(Subject, Subject.id == Reference.subject_id)
    rows = rows.outerjoin(our_mask, our_mask.id == mask_id)
    rows = rows.outerjoin(Mask, and_(Mask.reference_id == Reference.id, Mask.mask_sha256 == our_mask.mask_sha256))
    rows = rows.where(ours.id == reference_id, Subject.id != subject.id)
    rows = rows.where(Subject.class_word == subject.class_word, Subject.style == subject.style)
    if mask_id is not None:
        rows = rows.where(Mask.id.is_not(None))
    for further in recipe.get("references", ()):
        own, cut = aliased(Reference), aliased(Mask)
        has = select(own.id).join(cut, cut.reference_id == own.id).where(own.subject_id == Reference.subject_id)
        has = has.where(own.image_sha256 == further["reference"], cut.mask_sha256 == further["mask"])
        rows = rows.where(has.exists())
    found = s.execute(rows.order_by(Reference.subject_id, Reference.id, Mask.id).limit(1)).first()
    return None if found is None else _Heir(**found._mapping)


def _same_checkpoint(s: Session, reference_id: int, one: Checkpoint) -> int | None:
    same = select(Checkpoint.id).where(Checkpoint.reference_id == reference_id, Checkpoint.id != one.id)
    same = same.where(Checkpoint.profile_id == one.profile_id, Checkpoint.weights_sha256 == one.weights_sha256)
    return s.scalar(same)


def _references(s: Session, subject_id: int, erased: Erased) -> None:
    references = s.scalars(select(Reference).where(Reference.subject_id == subject_id)).all()
    ids = [one.id for one in references]
    masks = s.scalars(select(Mask).where(Mask.reference_id.in_(ids))).all()
    notes = s.scalars(select(Annotation).where(Annotation.reference_id.in_(ids))).all()
    erased.blobs.update([*(one.image_sha256 for one in references), *(one.mask_sha256 for one in masks)])
    erased.blobs.update(one.image_sha256 for one in notes if one.image_sha256 is not None)
    sets = delete(ReferenceMember).where(ReferenceMember.leading_id.in_(ids))
    s.execute(sets, execution_options={"synchronize_session": False})
    erase_history(s, "mask", [one.id for one in masks])
    erase_history(s, "annotation", [one.id for one in notes])
    erase_history(s, "reference", ids)
    for table, rows in ((Mask, masks), (Annotation, notes), (Reference, references)):
        retire_ids(s, table, [one.id for one in rows])
        for row in rows:
            s.delete(row)
        s.flush()
    erased.references, erased.masks, erased.annotations = len(references), len(masks), len(notes)


def _runs(s: Session, name: str, runs: Sequence[Run], erased: Erased) -> None:
    """Redact the runs that named the subject, or delete them if they had no other."""
    erased.runs += [run.id for run in runs if run.id not in erased.runs]
    clear_runs(s, erased.runs, erased)
    for run in runs:
        alone = set(subjects_named(run.spec)) - {FORGOTTEN} == {name}
        if alone and s.scalar(select(RunCell.cell_id).where(RunCell.run_id == run.id).limit(1)) is None:
            s.expunge(run)
            erase_run(s, run.id, erased)
        else:
            run.spec = redacted(run.spec, name)
            if run.refused is not None:
                run.refused = {one: why for one, why in run.refused.items() if one != name}
            if run.reason is not None and name in run.reason:
                run.reason = "the reason named a subject that was forgotten"
            run.refused = {one: why for one, why in (run.refused or {}).items() if one != name} or None
            if name in (run.reason or ""):
                run.reason = "the reason named a subject that is forgotten"
    s.flush()
