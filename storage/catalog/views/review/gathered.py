"""What people gathered: tags, collections and saved filters."""

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from storage.catalog.database.sql import as_records, chunks
from storage.catalog.narrowing import viewer_of
from storage.catalog.records import LabelKind
from storage.catalog.schema import Label, OutputLabel, SavedFilter

MOST = 200  # labels of a list


@dataclass(frozen=True)
class LabelView:
    """A tag or collection, and how many outputs it has."""

    id: int
    kind: LabelKind
    name: str
    outputs: int


@dataclass(frozen=True)
class FilterView:
    """A filter that a person keeps."""

    id: int
    name: str
    filter: Mapping[str, Any]


def labels(s: Session) -> list[LabelView]:
    """List the tags and collections, each kind by name; a narrowed session, those of pictures that it sees."""
    counted = select(func.count()).where(OutputLabel.label_id == Label.id).scalar_subquery().label("outputs")
    rows = select(Label.id, Label.kind, Label.name, counted).order_by(Label.kind, Label.name).limit(MOST)
    found: list[LabelView] = as_records(LabelView, s.execute(rows))
    # a narrowed session counts the outputs that it sees
    return [one for one in found if one.outputs] if viewer_of(s) is not None else found


def labels_of(s: Session, output_ids: Sequence[int]) -> dict[int, list[tuple[int, LabelKind, str]]]:
    """List id, kind and name of the labels of these outputs; outputs without labels are omitted."""
    found: dict[int, list[tuple[int, LabelKind, str]]] = defaultdict(list)
    rows = select(OutputLabel.output_id, Label.id, Label.kind, Label.name).join(Label, Label.id == OutputLabel.label_id)
    for part in chunks(output_ids):
        for one in s.execute(rows.where(OutputLabel.output_id.in_(part))).mappings():
            found[one["output_id"]].append((one["id"], one["kind"], one["name"]))
    return found


def saved_filters(s: Session, user_id: int) -> list[FilterView]:
    """List the filters that a person keeps, by name."""
    rows = select(SavedFilter.id, SavedFilter.name, SavedFilter.filter).where(SavedFilter.user_id == user_id)
    return as_records(FilterView, s.execute(rows.order_by(SavedFilter.name)))
