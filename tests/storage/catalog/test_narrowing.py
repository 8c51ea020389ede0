"""Whoever is of a project sees what belongs to it and to nobody; of other projects nothing, in any statement."""

import re
from collections.abc import Callable
from hashlib import sha256
from typing import Any

import pytest
from sqlalchemy import exists, func, select, union_all, update
from sqlalchemy.orm import Session, aliased

from storage.catalog import Catalog, views, writes
from storage.catalog.garbage import REFERENCING
from storage.catalog.narrowing import Viewer, _conditions, _Seen, conditions, everything
from storage.catalog.records import CatalogError, NotInCatalogError
from storage.catalog.schema import Blob, Cell, CellSource, CellSubject, Output, Profile, Reference, Run, Subject
from storage.catalog.views.review import facets
from tests.storage.projects import add_pictures

OURS, THEIRS = 1, 2
ANN = Viewer("ann", frozenset({OURS}))


@pytest.fixture
def house(catalog: Catalog) -> Catalog:
    """Of "ours" are the pictures a, b and c; of "theirs" c and d, of nobody e. c is one cell, which both requested."""
    with catalog.write() as s:
        assert [writes.add_project(s, name=name, actor="setup") for name in ("ours", "theirs")] == [OURS, THEIRS]
        add_pictures(s, OURS, "pip", "abc")
        add_pictures(s, THEIRS, "momo", "cd")
        add_pictures(s, None, "bolt", "e")
    return catalog


def prompts(s: Session) -> set[str]:
    return {row.prompt.removeprefix("prompt ") for row in views.gallery_page(s, views.Filter()).rows}


def test_a_person_sees_what_their_projects_and_nobody_own_and_what_is_shared(house: Catalog) -> None:
    for viewer, seen in ((ANN, "abce"), (Viewer("bo", frozenset({THEIRS})), "cde"), (Viewer("cy", frozenset()), "e")):
        with house.seen_by(viewer).read() as s:
            assert prompts(s) == set(seen)
    for everybody in (house, house.seen_by(None)):
        with everybody.read() as s:
            assert prompts(s) == set("abcde")


def test_cells_are_counted_as_far_as_time_allows(house: Catalog, monkeypatch: pytest.MonkeyPatch) -> None:
    def counted(viewer: Viewer | None) -> int:
        with house.seen_by(viewer).read() as s:
            return views.cell_states(s, ["generated"])["generated"]

    monkeypatch.setattr(facets, "WINDOW", 2)
    monkeypatch.setattr(facets, "COUNTING", 60.0)
    assert [counted(viewer) for viewer in (None, ANN, Viewer("cy", frozenset()))] == [5, 4, 1]
    monkeypatch.setattr(facets, "COUNTING", 0.0)
    assert (counted(None), counted(ANN)) == (5, 1), "the two newest are looked at, of which Ann sees one"


def test_an_image_with_a_subject_of_another_project_is_not_seen(house: Catalog) -> None:
    with house.write() as s:
        subjects = {one.name: one.id for one in s.scalars(select(Subject))}
        theirs = s.scalars(select(Reference.id).where(Reference.subject_id == subjects["momo"])).first()
        nobodys = s.scalars(select(Reference.id).where(Reference.subject_id == subjects["bolt"])).first()
        a, b = (s.scalars(select(Cell.id).where(Cell.prompt == f"prompt {name}")).one() for name in "ab")
        s.add(CellSubject(cell_id=a, position=1, subject_id=subjects["momo"], reference_id=theirs))
        s.add(CellSubject(cell_id=b, position=1, subject_id=subjects["bolt"], reference_id=nobodys))
    for viewer, seen in ((ANN, "bce"), (Viewer("di", frozenset({OURS, THEIRS})), "abcde")):
        with house.seen_by(viewer).read() as s:
            assert prompts(s) == set(seen)


def _labelled() -> Any:
    return select(func.count()).select_from(select(Output.id).limit(100).subquery())


one, other = aliased(Output), aliased(Cell)


def _two() -> Any:
    """Each output once: its cell's reference by an alias, in the ON of a join."""
    reference, subject = aliased(Reference), aliased(Subject)
    rows = (
        select(Profile.id).join(Cell, Cell.profile_id == Profile.id).join(CellSubject, CellSubject.cell_id == Cell.id)
    )
    rows = rows.join(reference, reference.id == CellSubject.reference_id)
    return rows.join(subject, subject.id == reference.subject_id)


COUNTS: dict[str, Callable[[Session], int | None]] = {
    "rows": lambda s: len(s.scalars(select(Output)).all()),
    "columns": lambda s: len(s.scalars(select(Output.image_sha256)).all()),
    "count": lambda s: s.scalar(select(func.count()).select_from(Output)),
    "count of a subquery": lambda s: s.scalar(_labelled()),
    "alias": lambda s: len(s.scalars(select(one.id)).all()),
    "join": lambda s: len(s.scalars(select(Profile.id).join(Cell, Cell.profile_id == Profile.id)).all()),
    "join of an alias": lambda s: len(s.scalars(select(Profile.id).join(other, other.profile_id == Profile.id)).all()),
    "join of two": lambda s: len(s.execute(_two()).all()),
    "alias of another table": lambda s: len(s.scalars(select(other.digest)).all()),
    "union": lambda s: len(s.scalars(union_all(select(Output.id), select(Output.id).where(Output.id < 0))).all()),
    "legacy query": lambda s: s.query(Output).count(),
    "one by its key": lambda s: sum(s.get(Output, i) is not None for i in range(1, 6)),
    "scalar subquery": lambda s: s.scalar(select(select(func.count(Output.id)).scalar_subquery())),
    "exists": lambda s: sum(bool(s.scalar(select(exists().where(Output.id == i)))) for i in range(1, 6)),
    "common table": lambda s: len(s.execute(select(select(Output.id).cte())).all()),
}


@pytest.mark.parametrize("way", sorted(COUNTS))
def test_every_way_to_ask_is_narrowed(house: Catalog, way: str) -> None:
    count = COUNTS[way]
    with house.read() as s:
        assert count(s) == (6 if way == "join of two" else 5)  # c has two subjects
    with house.seen_by(Viewer("bo", frozenset({THEIRS}))).read() as s:
        assert count(s) == 3


def test_a_shared_picture_is_described_by_what_one_sees(house: Catalog) -> None:
    for viewer, name, other in ((ANN, "pip", "momo"), (Viewer("bo", frozenset({THEIRS})), "momo", "pip")):
        with house.seen_by(viewer).read() as s:
            (row,) = (one for one in views.gallery_page(s, views.Filter()).rows if one.prompt == "prompt c")
            shown = views.output(s, row.output_id)
            assert (shown.subject, [one.name for one in shown.subjects]) == (name, [name])
            assert row.subject_id == shown.subject_id
            cell = views.cell(s, row.digest)
            assert (cell.subject_name, cell.reference_sha256) == (name, shown.reference_sha256)
            assert other not in str(views.choices(s))
            assert views.blob_type(s, row.image_sha256) == "image/png"


def test_pictures_of_another_project_are_not_found_by_their_digest(house: Catalog) -> None:
    digest = sha256(f"picture {sha256(b'd').hexdigest()}".encode()).hexdigest()
    reference = sha256(b"reference of momo").hexdigest()
    for wanted in (digest, reference):
        with house.seen_by(ANN).read() as s:
            assert views.blob_type(s, wanted) is None
        with house.seen_by(Viewer("bo", frozenset({THEIRS}))).read() as s:
            assert views.blob_type(s, wanted) == "image/png"


def test_what_is_not_seen_is_neither_changed_nor_deleted(house: Catalog) -> None:
    with house.read() as s:
        theirs = s.scalars(select(Run.id).where(Run.project_id == THEIRS)).one()
        (foreign,) = s.scalars(select(Output.id).join(Cell).where(Cell.prompt == "prompt d"))
    with house.seen_by(ANN).write() as s:
        s.execute(update(Run).values(reason="touched"), execution_options={"synchronize_session": False})
        with pytest.raises(NotInCatalogError):
            writes.cancel_run(s, theirs, actor="ann")
        fields: dict[str, Any] = {"output_id": foreign, "revision": 1, "reviewer": "ann", "decision": "approved"}
        with pytest.raises(NotInCatalogError):
            writes.add_review(s, uuid="u", approvals_needed=1, **fields)
        label = writes.add_label(s, kind="tag", name="hero", actor="ann")
        assert writes.put_label(s, label, [foreign], actor="ann") == 0
    with house.write() as s:
        label = writes.add_label(s, kind="tag", name="hero", actor="bo")
        assert writes.put_label(s, label, [foreign], actor="bo") == 1
    with house.seen_by(ANN).write() as s:
        assert writes.take_label(s, label, [foreign]) == 0
    with house.seen_by(ANN).read() as s:
        assert [one.name for one in views.labels(s)] == []
    with house.read() as s:
        assert dict(s.execute(select(Run.name, Run.reason)).all()) == {
            "run of pip": "touched",
            "run of momo": None,
            "run of bolt": "touched",
        }
        assert [one.outputs for one in views.labels(s)] == [1]


def test_a_name_of_another_project_is_taken_and_says_nothing_of_it(house: Catalog) -> None:
    with house.seen_by(ANN).write() as s:
        with pytest.raises(CatalogError, match=r"name 'momo' is taken; choose another") as refused:
            writes.enter_subject(
                s,
                name="momo",
                class_word="rabbit",
                style="anime",
                image_sha256=sha256(b"reference of pip").hexdigest(),
                width=64,
                height=64,
                source="upload",
                caption=None,
            )
        assert "bear" not in str(refused.value)


def test_everything_is_seen_within_the_block_alone(house: Catalog) -> None:
    with house.seen_by(ANN).write() as s:
        with everything(s):
            assert len(s.scalars(select(Subject.name)).all()) == 3
        assert len(s.scalars(select(Subject.name)).all()) == 2


def test_every_picture_that_a_row_refers_to_is_visible_with_the_row() -> None:
    shown = _Seen(Viewer("ann", frozenset())).pictures(Blob.sha256)
    referring = {f"{column.class_.__tablename__}.{column.key}" for column in REFERENCING}
    no_pictures = {"checkpoints.weights_sha256", "trainings.resume_sha256", "measurements.image_sha256"}
    assert set(shown) == referring - no_pictures


def test_no_alias_is_left_out(house: Catalog) -> None:
    """In the ON of a join, where SQLAlchemy alone would not adapt a condition."""
    for kind in conditions(ANN):
        alias, outer = aliased(kind), aliased(kind)
        key = next(iter(kind.__table__.primary_key.columns)).key
        rows = select(func.count()).select_from(outer).join(alias, getattr(alias, key) == getattr(outer, key))
        with house.seen_by(ANN).read() as s:
            statement = rows.options(*_conditions(ANN, False)).compile(s.get_bind())
            s.execute(rows)
        froms = re.findall(
            rf"(?:FROM|JOIN|,) {kind.__tablename__}(?: AS)? (\w+)|(?:FROM|,) ({kind.__tablename__})\b", str(statement)
        )
        # those of the condition itself, which looks at all subjects of a cell
        froms = [
            one for one in froms if one[0] not in ("cell_subjects_of", "cell_subjects_shown", "cell_subjects_named")
        ]
        assert len(froms) == 2, f"{kind.__name__}: {statement}"


def test_licences_of_a_picture_that_is_not_seen_count_in_what_was_edited_from_it(house: Catalog) -> None:
    with house.write() as s:
        cells = {name: s.scalars(select(Cell.id).where(Cell.prompt == f"prompt {name}")).one() for name in "abd"}
        s.add(CellSource(cell_id=cells["a"], role="edit", source_id=cells["d"]))
        s.add(CellSource(cell_id=cells["a"], role="first", source_id=cells["b"]))
        edited = s.scalars(select(Output.id).where(Output.cell_id == cells["a"])).one()
    with house.seen_by(ANN).read() as s:
        one = views.output(s, edited, licences=True)
        assert one.lineage is not None
        assert {role: of.prompt for role, of in one.sources.items()} == {"first": "prompt b"}
        assert {role: of.prompt for role, of in one.lineage.items()} == {"first": "prompt b", "edit": "prompt d"}
        assert "prompt d" not in repr(one), "nothing else of it is told"
    with house.read() as s:
        assert views.output(s, edited).sources.keys() == {"first", "edit"}
