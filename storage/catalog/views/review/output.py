"""Outputs with their recipe, lineage and review state, and review queues."""

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Any

from sqlalchemy import Select, func, or_, select
from sqlalchemy.orm import Session, aliased

from storage.catalog.database.sql import chunks
from storage.catalog.narrowing import everything, viewer_of
from storage.catalog.records import CellState, Decision, NotInCatalogError
from storage.catalog.schema import (
    Blob,
    Cell,
    CellControl,
    CellSource,
    CellSubject,
    Checkpoint,
    Output,
    Profile,
    Run,
)
from storage.catalog.views.output_subjects import OutputReference, OutputSubject, subjects_of_outputs
from storage.catalog.views.review.seen_by import Eye, eyes_of_outputs
from storage.catalog.views.runs.run import spec_of_run
from storage.catalog.views.scores import scores_of


@dataclass(frozen=True)
class OutputDetail:
    """An image, its recipe and its lineage.

    `subjects` are all that it shows; `subject`, its class word, reference and mask are those of the first.
    `newer_mask`: the reference now has another mask than it was generated with; `earlier_reference`: the subject has
    another reference now. `further`: the references that it was generated from beside the first one.
    `reference_controls`: the first one's own control images that it was generated with, by kind. `sources`: the
    pictures that it was made from, which may have sources too: "edit", and "first" of its set. `lineage`: the same with
    those that the viewer does not see, for licences alone; it is never shown. `eyes`: what found the masks, captions
    and control images of its references, for licences alone too. Both are None where licences were not asked for.
    """

    output_id: int
    digest: str
    state: CellState
    subject_id: int
    subject: str
    class_word: str
    style: str
    prompt: str
    pose: str | None
    seed: int
    settings: Mapping[str, Any]
    image_sha256: str
    width: int
    height: int
    revision: int
    decision: Decision
    rating: int
    approvals: int
    created_at: datetime
    reference_id: int
    reference_sha256: str
    reference_source: str
    mask_sha256: str | None
    mask_version: int | None
    newer_mask: bool
    checkpoint_id: int | None
    checkpoint_sha256: str | None
    profile: str
    weights_digest: str
    licence: str
    run_id: str | None
    run_name: str | None
    flow_run_id: str | None
    scores: Mapping[str, float]
    subjects: Sequence[OutputSubject] = ()
    earlier_reference: bool = False
    reference_controls: Mapping[str, str] = field(default_factory=dict)
    further: Sequence[OutputReference] = ()
    sources: Mapping[str, "OutputDetail"] = field(default_factory=dict)
    lineage: Mapping[str, "OutputDetail"] | None = field(default=None, repr=False)
    eyes: Sequence[Eye] | None = None


_OF_SUBJECTS = ("name", "position", "mask_method", "mask_licence")


def outputs(
    s: Session, output_ids: Sequence[int], *, subject_id: int | None = None, licences: bool = False
) -> list[OutputDetail]:
    """Return the outputs with these ids, in this order, omitting unknown ids.

    An output that shows `subject_id` among others is described with that subject first. `licences`: their `lineage` and
    `eyes` too, for which references and sources are read.
    """
    found: dict[int, Any] = {}
    rows: Select[*tuple[Any, ...]] = select(Output.id, Cell.digest, Cell.state, Cell.prompt, Cell.pose, Cell.seed)
    rows = rows.add_columns(Cell.settings, Output.image_sha256, Output.width, Output.height, Output.revision)
    rows = rows.add_columns(Output.decision, Output.rating, Output.approvals, Output.created_at, Cell.checkpoint_id)
    rows = rows.add_columns(Checkpoint.weights_sha256.label("checkpoint_sha256"), Profile.name.label("profile"))
    rows = rows.add_columns(Profile.weights_digest, Profile.licence, Output.run_id, Run.name.label("run_name"))
    rows = rows.add_columns(Run.flow_run_id)
    rows = rows.join(Cell, Cell.id == Output.cell_id).join(Profile, Profile.id == Cell.profile_id)
    rows = rows.outerjoin(Checkpoint, Checkpoint.id == Cell.checkpoint_id).outerjoin(Run, Run.id == Output.run_id)
    scores, shown = scores_of(s, output_ids), subjects_of_outputs(s, output_ids, subject_id)
    controls, sources = _reference_controls(s, output_ids), _sources(s, output_ids, licences)
    lineage = sources
    if licences and viewer_of(s) is not None:
        with everything(s):
            lineage = _sources(s, output_ids, licences)
    for part in chunks(output_ids):
        for row in s.execute(rows.where(Output.id.in_(part))):
            about = dict(row._mapping)
            output_id = about.pop("id")
            first, *_ = subjects = shown[output_id]
            of_first = {name: value for name, value in vars(first).items() if name not in _OF_SUBJECTS}
            fields = about | of_first | {"subject": first.name, "subjects": subjects}
            own = controls.get(output_id, {})
            found[output_id] = OutputDetail(
                output_id=output_id,
                scores=scores.get(output_id, {}),
                reference_controls=own,
                sources=sources.get(output_id, {}),
                lineage=lineage.get(output_id, {}) if licences else None,
                **fields,
            )
    there = [found[one] for one in dict.fromkeys(output_ids) if one in found]
    if not licences:
        return there
    eyes = eyes_of_outputs(s, {one.output_id: (one.settings, one.reference_controls) for one in there})
    return [replace(one, eyes=eyes.get(one.output_id, ())) for one in there]


def _sources(s: Session, output_ids: Sequence[int], licences: bool) -> dict[int, dict[str, OutputDetail]]:
    """Return the pictures that these outputs were made from, by role; without those of none."""
    links: list[tuple[int, str, int]] = []
    source = aliased(Output)
    rows = select(Output.id, CellSource.role, source.id).join(CellSource, CellSource.cell_id == Output.cell_id)
    rows = rows.join(source, source.cell_id == CellSource.source_id)
    for part in chunks(output_ids):
        links += [(one, role, of) for one, role, of in s.execute(rows.where(Output.id.in_(part)))]
    if not links:
        return {}
    there = {one.output_id: one for one in outputs(s, sorted({of for _, _, of in links}), licences=licences)}
    found: dict[int, dict[str, OutputDetail]] = defaultdict(dict)
    for output_id, role, of in sorted(links):
        if of in there:
            found[output_id][role] = there[of]
    return found


def edits_of(s: Session, output_id: int) -> list[tuple[int, str]]:
    """Return the outputs that were edited from this one, and from these in turn: their ids and images."""
    found: dict[int, str] = {}
    new = [output_id]
    edited = aliased(Output)
    rows = select(edited.id, edited.image_sha256).join(CellSource, CellSource.cell_id == edited.cell_id)
    rows = rows.join(Output, Output.cell_id == CellSource.source_id).where(CellSource.role == "edit")
    while new:
        each = [(one, sha) for part in chunks(new) for one, sha in s.execute(rows.where(Output.id.in_(part)))]
        new = [one for one, _ in sorted(each) if one not in found]
        found |= dict(sorted(each))
    return list(found.items())


def _reference_controls(s: Session, output_ids: Sequence[int]) -> dict[int, dict[str, str]]:
    """Return the SHA-256 of the reference's own control images of these outputs, by kind; without those of none."""
    found: dict[int, dict[str, str]] = defaultdict(dict)
    own = select(Output.id, Cell.reference_pose, Cell.reference_depth).join(Cell, Cell.id == Output.cell_id)
    own = own.where(or_(Cell.reference_pose.is_not(None), Cell.reference_depth.is_not(None)))
    others = select(Output.id, CellControl.kind, CellControl.image_sha256)
    others = others.join(CellControl, CellControl.cell_id == Output.cell_id).where(CellControl.of_reference)
    for part in chunks(output_ids):
        for output_id, pose, depth in s.execute(own.where(Output.id.in_(part))):
            found[output_id] |= {kind: sha for kind, sha in (("pose", pose), ("depth", depth)) if sha is not None}
        for output_id, kind, sha256 in s.execute(others.where(Output.id.in_(part))):
            found[output_id][kind] = sha256
    return found


def output(s: Session, output_id: int, *, licences: bool = False) -> OutputDetail:
    """Return one output; `licences` as of `outputs`. Raises NotInCatalogError."""
    found = outputs(s, [output_id], licences=licences)
    if not found:
        raise NotInCatalogError(f"output {output_id} is not in the catalog; the gallery lists all outputs")
    return found[0]


def spec_of_output(s: Session, output_id: int) -> Mapping[str, Any]:
    """Return the spec of the run that generated an output; {} if the run was forgotten."""
    run_id = s.scalar(select(Run.id).join(Output, Output.run_id == Run.id).where(Output.id == output_id))
    return {} if run_id is None else spec_of_run(s, run_id)


def last_seed(s: Session, subject_id: int, prompt: str) -> int:
    """Return the highest seed that this prompt was generated with for the subject; 0 if none was."""
    return s.scalar(select(func.max(Cell.seed)).where(Cell.subject_id == subject_id, Cell.prompt == prompt)) or 0


def sibling(s: Session, of: OutputDetail) -> tuple[int, str] | None:
    """Return id and image of an approved output of the same subject, with the same prompt if there is one."""
    approved = select(Output.id, Output.image_sha256).join(Cell, Cell.id == Output.cell_id)
    approved = approved.join(CellSubject, CellSubject.output_id == Output.id)
    approved = approved.where(
        CellSubject.subject_id == of.subject_id, Output.decision == "approved", Output.id != of.output_id
    )
    approved = approved.where(Cell.state == "generated").order_by(CellSubject.output_id.desc()).limit(1)
    found = s.execute(approved.where(Cell.prompt == of.prompt)).first() or s.execute(approved).first()
    return None if found is None else (found.id, found.image_sha256)


def blob_type(s: Session, sha256: str) -> str | None:
    """Return the MIME type of a recorded blob; None if it is not recorded or is marked as garbage."""
    return s.scalar(select(Blob.content_type).where(Blob.sha256 == sha256, Blob.marked_at.is_(None)))
