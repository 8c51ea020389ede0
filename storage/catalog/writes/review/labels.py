"""Tags and collections: labels that people put on outputs."""

from collections.abc import Sequence
from typing import Any, cast

from sqlalchemy import CursorResult, delete, select
from sqlalchemy.orm import Session

from storage.catalog.database.sql import chunks, insert_into
from storage.catalog.records import LABELS, CatalogError, LabelKind
from storage.catalog.schema import Label, Output, OutputLabel

LONGEST = 60  # characters of a name


def add_label(s: Session, *, kind: LabelKind, name: str, actor: str) -> int:
    """Return the id of the label of this name, which is created if there is none."""
    name = " ".join(name.split())
    if kind not in LABELS:
        raise CatalogError(f"kind {kind!r} is not known; use one of {', '.join(LABELS)}")
    if not 0 < len(name) <= LONGEST:
        raise CatalogError(f"{kind}: give a name of 1 to {LONGEST} characters")
    new = insert_into(s, Label).values(kind=kind, name=name, creator=actor)
    s.execute(new.on_conflict_do_nothing(index_elements=[Label.kind, Label.name]))
    return s.scalars(select(Label.id).where(Label.kind == kind, Label.name == name)).one()


def put_label(s: Session, label_id: int, output_ids: Sequence[int], *, actor: str) -> int:
    """Put the label on these outputs; return how many did not have it. Unknown outputs are omitted."""
    put = 0
    for part in chunks(output_ids):
        known = s.scalars(select(Output.id).where(Output.id.in_(part))).all()
        chosen = select(OutputLabel.output_id).where(OutputLabel.label_id == label_id, OutputLabel.output_id.in_(part))
        new = set(known) - set(s.scalars(chosen))
        rows = [{"label_id": label_id, "output_id": one, "giver": actor} for one in sorted(new)]
        if rows:
            s.execute(insert_into(s, OutputLabel).values(rows).on_conflict_do_nothing())
        put += len(rows)
    return put


def take_label(s: Session, label_id: int, output_ids: Sequence[int]) -> int:
    """Take the label off these outputs; return how many had it. Unknown outputs are omitted.

    A label that no output has any more is deleted.
    """
    taken = 0
    for part in chunks(output_ids):
        part = s.scalars(select(Output.id).where(Output.id.in_(part))).all()
        had = delete(OutputLabel).where(OutputLabel.label_id == label_id, OutputLabel.output_id.in_(part))
        taken += cast("CursorResult[Any]", s.execute(had)).rowcount
    if s.scalar(select(OutputLabel.output_id).where(OutputLabel.label_id == label_id).limit(1)) is None:
        s.execute(delete(Label).where(Label.id == label_id))
    return taken
