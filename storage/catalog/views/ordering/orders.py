"""Presets of orders, and control images to choose from."""

from collections.abc import Sequence
from dataclasses import dataclass

from sqlalchemy import Select, or_, select
from sqlalchemy.orm import Session

from storage.catalog.database.sql import as_records, chunks
from storage.catalog.records import NotInCatalogError
from storage.catalog.schema import Cell, OrderFile, OrderPreset, Reference, Subject, User
from storage.catalog.views.review import facets
from storage.catalog.views.review.facets import SubjectRow

MOST_IMAGES = 24  # control images of one kind that are offered


@dataclass(frozen=True)
class PresetView:
    """A preset; `person`: who keeps it, `mine`: whether that is the person who asks."""

    id: int
    name: str
    person: str
    mine: bool
    shared: bool


def presets(s: Session, user_id: int) -> list[PresetView]:
    """List the presets that a person may order from: their own first, then shared ones, each by name."""
    mine = (OrderPreset.user_id == user_id).label("mine")
    columns = (OrderPreset.id, OrderPreset.name, User.name.label("person"), mine, OrderPreset.shared)
    rows = select(*columns).join(User, User.id == OrderPreset.user_id)
    rows = rows.where(or_(OrderPreset.user_id == user_id, OrderPreset.shared))
    found = [PresetView(**{**row._mapping, "mine": bool(row.mine)}) for row in s.execute(rows)]
    return sorted(found, key=lambda one: (not one.mine, one.name.casefold(), one.person))


def preset_spec(s: Session, preset_id: int, user_id: int) -> str:
    """Return the YAML of a preset that the person may order from. Raises NotInCatalogError."""
    rows = select(OrderPreset.spec).where(OrderPreset.id == preset_id)
    found = s.scalar(rows.where(or_(OrderPreset.user_id == user_id, OrderPreset.shared)))
    if found is None:
        raise NotInCatalogError("this preset does not exist, or is no longer shared")
    return found


@dataclass(frozen=True)
class OrderFileView:
    """A file that was uploaded for orders."""

    sha256: str
    kind: str
    name: str


def order_file(s: Session, sha256: str, kind: str) -> OrderFileView | None:
    """Return an uploaded file; None if nobody uploaded it as this."""
    rows = select(OrderFile.sha256, OrderFile.kind, OrderFile.name)
    found = as_records(OrderFileView, s.execute(rows.where(OrderFile.sha256 == sha256, OrderFile.kind == kind)))
    return found[0] if found else None


def control_choices(s: Session, kind: str) -> list[OrderFileView]:
    """List control images of a kind to choose from, the newest first: uploaded ones, then those that images have."""
    rows = select(OrderFile.sha256, OrderFile.kind, OrderFile.name).where(OrderFile.kind == kind)
    every = as_records(OrderFileView, s.execute(rows.order_by(OrderFile.created_at.desc()).limit(MOST_IMAGES)))
    found = [*{one.sha256: one for one in every}.values()]  # several people may have sent one file
    column = {"pose": Cell.pose, "depth": Cell.depth}.get(kind)
    if column is not None and len(found) < MOST_IMAGES:
        there = {one.sha256 for one in found}
        used = facets._distinct(s, column, column.is_not(None))
        found += [OrderFileView(sha256, kind, "") for sha256 in used if sha256 not in there]
    return found[:MOST_IMAGES]


def find_subjects(s: Session, text: str, limit: int = 60) -> list[SubjectRow]:
    """List subjects whose name or class word contains a text, the newest first; all of them for an empty text."""
    rows = _rows().order_by(Subject.id.desc())
    if text:
        names = (Subject.name, Subject.class_word)
        rows = rows.where(or_(*(column.icontains(text, autoescape=True) for column in names)))
    return as_records(SubjectRow, s.execute(rows.limit(limit)))


def subjects_named(s: Session, names: Sequence[str]) -> list[SubjectRow]:
    """List the subjects of these names, in their order, without unknown ones."""
    found = [one for part in chunks(names) for one in s.execute(_rows().where(Subject.name.in_(part)))]
    by_name = {one.name: one for one in as_records(SubjectRow, found)}
    return [by_name[name] for name in dict.fromkeys(names) if name in by_name]


def _rows() -> Select[int, str, str, str, str]:
    newest = select(Reference.image_sha256).where(Reference.subject_id == Subject.id)
    picture = newest.order_by(Reference.turn.desc()).limit(1).label("reference_sha256")
    return select(Subject.id, Subject.name, Subject.class_word, Subject.style, picture)
