"""One output with all that is known of it, and outputs as a reviewer needs them."""

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import Select, select, true
from sqlalchemy.orm import Session, aliased

from storage.catalog.records import CellState, Decision, NotInCatalog
from storage.catalog.schema import (
    Blob,
    Cell,
    Checkpoint,
    Mask,
    Output,
    Profile,
    Reference,
    ReviewQueue,
    Run,
    Score,
    Subject,
)
from storage.catalog.sql import chunks


@dataclass(frozen=True)
class OutputDetail:
    """A picture, its recipe and its lineage. `newer_mask`: the reference has another mask now than it was made with."""

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


def outputs(s: Session, output_ids: Sequence[int]) -> list[OutputDetail]:
    """The outputs of these ids, in this order; ids that the catalog does not know are left out."""
    found: dict[int, Any] = {}
    current = aliased(Mask)
    newest = select(current.id).where(current.reference_id == Reference.id).order_by(current.turn.desc()).limit(1)
    columns = (Output.id, Cell.digest, Cell.state, Output.subject_id, Subject.name, Subject.class_word, Subject.style)
    rows: Select[*tuple[Any, ...]] = select(
        *columns, Cell.prompt, Cell.pose, Cell.seed, Cell.settings, Output.image_sha256, Output.width
    )
    rows = rows.add_columns(Output.height, Output.revision, Output.decision, Output.rating, Output.approvals)
    rows = rows.add_columns(Output.created_at, Reference.id, Reference.image_sha256, Reference.source)
    rows = rows.add_columns(Mask.mask_sha256, Mask.version, Mask.id, newest.scalar_subquery(), Cell.checkpoint_id)
    rows = rows.add_columns(Checkpoint.weights_sha256, Profile.name, Profile.weights_digest, Profile.licence)
    rows = rows.add_columns(Output.run_id, Run.name, Run.flow_run_id)
    rows = rows.join(Cell, Cell.id == Output.cell_id).join(Subject, Subject.id == Output.subject_id)
    rows = rows.join(Reference, Reference.id == Cell.reference_id).join(Profile, Profile.id == Cell.profile_id)
    rows = rows.outerjoin(Mask, Mask.id == Cell.mask_id).outerjoin(Checkpoint, Checkpoint.id == Cell.checkpoint_id)
    rows = rows.outerjoin(Run, Run.id == Output.run_id)
    scores = _scores(s, output_ids)
    for part in chunks(output_ids):
        for row in s.execute(rows.where(Output.id.in_(part))):
            values: list[Any] = list(row)
            before, (mask_id, newest_id) = values[:24], values[24:26]
            newer = newest_id is not None and mask_id is not None and newest_id != mask_id
            fields = [*before, newer, *values[26:], scores.get(row[0], {})]
            found[row[0]] = OutputDetail(*fields)
    return [found[one] for one in dict.fromkeys(output_ids) if one in found]


def output(s: Session, output_id: int) -> OutputDetail:
    """One of them; NotInCatalog if there is none."""
    found = outputs(s, [output_id])
    if not found:
        raise NotInCatalog(f"output {output_id} is not in the catalog; the gallery lists what there is")
    return found[0]


def _scores(s: Session, output_ids: Sequence[int]) -> dict[int, dict[str, float]]:
    """Of each output the current value of each metric, by name."""
    found: dict[int, dict[str, float]] = defaultdict(dict)
    for part in chunks(output_ids):
        rows = select(Score.output_id, Score.metric, Score.value)
        rows = rows.where(Score.output_id.in_(part), Score.current == true()).order_by(Score.metric)
        for output_id, metric, value in s.execute(rows):
            found[output_id][metric] = value
    return dict(found)


def sibling(s: Session, of: OutputDetail) -> tuple[int, str] | None:
    """Id and picture of the nearest approved output of the same subject: of the same prompt if there is one."""
    approved = select(Output.id, Output.image_sha256).join(Cell, Cell.id == Output.cell_id)
    approved = approved.where(
        Output.subject_id == of.subject_id, Output.decision == "approved", Output.id != of.output_id
    )
    approved = approved.where(Cell.state == "generated").order_by(Output.id.desc()).limit(1)
    found = s.execute(approved.where(Cell.prompt == of.prompt)).first() or s.execute(approved).first()
    return None if found is None else (found[0], found[1])


@dataclass(frozen=True)
class Queue:
    """A frozen queue: its outputs do not change, what is decided of them does.

    `revisions` are what the outputs were at when it was made, or empty.
    """

    id: str
    user_id: int
    title: str
    filter: Mapping[str, Any]
    output_ids: Sequence[int]
    revisions: Sequence[int]
    created_at: datetime


def queue(s: Session, queue_id: str) -> Queue:
    """One queue; NotInCatalog if it is there no more."""
    row = s.get(ReviewQueue, queue_id)
    if row is None:
        raise NotInCatalog("this review queue is there no more; start a new one from the gallery")
    return Queue(row.id, row.user_id, row.title, row.filter, row.ids["ids"], row.ids["revisions"], row.created_at)


def queues_of(s: Session, user_id: int) -> list[Queue]:
    """A person's queues, newest first."""
    rows = s.scalars(select(ReviewQueue).where(ReviewQueue.user_id == user_id).order_by(ReviewQueue.created_at.desc()))
    return [Queue(r.id, r.user_id, r.title, r.filter, r.ids["ids"], r.ids["revisions"], r.created_at) for r in rows]


def blob_type(s: Session, sha256: str) -> str | None:
    """The MIME type of a recorded blob; None if it is not recorded."""
    return s.scalar(select(Blob.content_type).where(Blob.sha256 == sha256))
