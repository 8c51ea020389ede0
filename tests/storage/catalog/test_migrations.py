from collections.abc import Callable
from types import SimpleNamespace
from typing import Any

import pytest
from sqlalchemy import inspect, text
from sqlalchemy.schema import SchemaItem

from storage.catalog import Catalog, migrate, views, writes
from storage.catalog.database.base import Base
from storage.catalog.database.engine import catalog_url, make_engine, writing
from storage.catalog.records import CatalogError

Layout = dict[str, dict[str, list[Any]]]
sqlite_only = pytest.mark.parametrize("kind", ["sqlite"], indirect=True)


def layout(url: str) -> Layout:
    """Every table with its columns, links, checks and indexes, as the database tells them."""
    engine = make_engine(catalog_url(url))
    with engine.begin() as connection:
        look = inspect(connection)
        found = {
            table: {
                "columns": [{**one, "type": str(one["type"])} for one in look.get_columns(table)],
                "primary": [look.get_pk_constraint(table)],
                # SQLite keeps the name of a link that was added to a table where no one can read it
                "links": [{**one, "name": None} for one in look.get_foreign_keys(table)],
                "unique": look.get_unique_constraints(table),
                "checks": look.get_check_constraints(table),
                "indexes": [{**one, "dialect_options": _plain(one)} for one in look.get_indexes(table)],
            }
            for table in look.get_table_names()
            if table != "alembic_version"
        }
    engine.dispose()
    return {t: {what: sorted(ones, key=repr) for what, ones in parts.items()} for t, parts in found.items()}


def _plain(index: Any) -> dict[str, str]:
    return {name: str(value) for name, value in index.get("dialect_options", {}).items()}


@pytest.fixture
def declared_url(kind: str, tmp_path: Any, request: pytest.FixtureRequest) -> str:
    """Another empty database, of the same kind."""
    if kind == "sqlite":
        return f"sqlite:///{tmp_path}/declared.db"
    return str(request.getfixturevalue("new_database")("empty"))


def test_the_migrations_make_exactly_the_tables_of_the_schema(empty_url: str, declared_url: str) -> None:
    migrate.upgrade(catalog_url(empty_url))
    engine = make_engine(catalog_url(declared_url))
    with writing(engine).begin() as connection:
        Base.metadata.create_all(connection)
    engine.dispose()
    assert layout(declared_url) == layout(empty_url)
    assert set(layout(empty_url)) == set(Base.metadata.tables)


def test_down_and_up_again_with_data(url: str, catalog: Catalog, planned: Callable[..., SimpleNamespace]) -> None:
    planned(5)
    migrate.upgrade(catalog_url(url))  # nothing to do: the data stays
    with catalog.read() as s:
        assert views.status(s).cells["planned"] == 5
    catalog.close()
    migrate.downgrade(catalog_url(url), "base")
    assert layout(url) == {}
    migrate.upgrade(catalog_url(url))
    with catalog.read() as s:
        assert views.status(s).cells["planned"] == 0
    planned(5)
    with catalog.read() as s:
        assert views.status(s).cells["planned"] == 5
        assert migrate.current_revision(s.connection()) == migrate.head_revision()


@pytest.mark.slow
def test_the_first_tables_go_up_and_down_with_what_both_can_hold(
    url: str, catalog: Catalog, planned: Callable[..., SimpleNamespace]
) -> None:
    plan = planned(3)
    with catalog.write() as s:
        second = writes.add_mask(
            s, reference_id=plan.reference, mask_sha256="1" * 64, method="user", confidence=1, doubtful=False
        )
        writes.claim_cells(s, plan.digests, "me", 60)
        digest, *others = plan.digests
        output = writes.finish_cell(s, digest, owner="me", image_sha256="1" * 64, width=8, height=8)
        for other in others:
            writes.finish_cell(s, other, owner="me", image_sha256="2" * 64, width=8, height=8)
        for version, value in (("1", 0.25), ("2", 0.5)):
            writes.add_scores(s, metric="clip_i", version=version, values={output: value})
        writes.add_review(s, uuid="u", output_id=output, revision=1, reviewer="ann", decision="approved", rating=4)
    with catalog.read() as s:
        before = views.cells_of_run(s, plan.run)
    at_head = layout(url)
    catalog.close()
    migrate.downgrade(catalog_url(url), "0001")
    assert {"reviews", "lineage", "checkpoints"}.isdisjoint(layout(url))
    migrate.upgrade(catalog_url(url))
    assert layout(url) == at_head
    with catalog.read() as s:
        assert views.cells_of_run(s, plan.run) == before
        assert before[0].scores == {"clip_i": 0.5}
        assert views.subject_assets(s, "pip").mask_id == second
        assert s.execute(text("SELECT version FROM masks ORDER BY id")).scalars().all() == [1, 2]
        assert s.execute(text("SELECT version FROM scores WHERE current")).scalars().all() == ["2"]
        (best,) = views.gallery_page(s, views.Filter(subject_id=plan.subject, metric="clip_i")).rows
        assert (best.output_id, best.revision, best.decision) == (output, 1, "none")  # the older schema knows no review
        assert len(views.gallery_page(s, views.Filter(subject_id=plan.subject)).rows) == 3
    with catalog.write() as s:
        writes.add_review(s, uuid="u", output_id=output, revision=1, reviewer="ann", decision="rejected")


def test_masks_of_older_catalogs_are_known_by_who_gave_them(
    url: str, catalog: Catalog, planned: Callable[..., SimpleNamespace]
) -> None:
    plan = planned(1)
    with catalog.write() as s:
        of = {"reference_id": plan.reference, "confidence": 1.0, "doubtful": False}
        for method, sha256 in (("user", "1" * 64), ("alpha", "1" * 64), ("given", "2" * 64)):
            writes.add_mask(s, mask_sha256=sha256, method=method, **of)
        after = {"mask": "2" * 64, "subject": "pip"}
        writes.record_audit(
            s, actor="ann", action="new mask", entity="reference", entity_id=plan.reference, after=after
        )
    catalog.close()
    migrate.downgrade(catalog_url(url), "0012")
    migrate.upgrade(catalog_url(url))
    with catalog.read() as s:
        rows = s.execute(text("SELECT method, given, giver, given_at IS NOT NULL, warnings FROM masks ORDER BY id"))
        found = {row[0]: tuple(row[1:]) for row in rows}
        assert views.subject_assets(s, "pip").mask_sha256 == "2" * 64
    assert {method: (given, giver, bool(at)) for method, (given, giver, at, _) in found.items()} == {
        "grabcut": ("found", None, False),
        "user": ("spec", None, True),
        "alpha": ("file", None, False),
        "given": ("dashboard", "ann", True),
    }
    assert {warnings for *_, warnings in found.values()} == {None}


def test_captions_of_older_catalogs_are_those_that_specs_gave(
    url: str, catalog: Catalog, planned: Callable[..., SimpleNamespace]
) -> None:
    plan = planned(1)
    with catalog.write() as s:
        more = {"width": 8, "height": 8, "source": "x", "caption": None}
        writes.add_reference(s, subject_id=plan.subject, image_sha256="2" * 64, **more)  # type: ignore[arg-type]
        before = s.execute(text("SELECT * FROM refs ORDER BY id")).all()
    catalog.close()
    migrate.downgrade(catalog_url(url), "0017")
    assert "annotations" not in layout(url)
    migrate.upgrade(catalog_url(url))
    with catalog.write() as s:
        assert s.execute(text("SELECT * FROM refs ORDER BY id")).all() == before
        (found,) = views.annotations_of(s, plan.reference)
        assert (found.kind, found.text, found.given, found.version) == ("caption", "a bear", "spec", 1)
        next_one = writes.add_annotation(s, reference_id=plan.reference, kind="depth", method="eye-1")
        assert next_one > found.id
        assert views.is_used(s, "pip", "1" * 64)
        assert not views.is_used(s, "pip", "2" * 64)


def test_scores_stay_when_the_licences_of_their_models_are_forgotten(
    url: str, catalog: Catalog, planned: Callable[..., SimpleNamespace]
) -> None:
    plan = planned(1)
    with catalog.write() as s:
        writes.claim_cells(s, plan.digests, "me", 60)
        output = writes.finish_cell(s, plan.digests[0], owner="me", image_sha256="1" * 64, width=8, height=8)
        writes.add_scores(s, metric="clip_t", version="1", values={output: 0.5}, licences={"clip": "MIT"})
    catalog.close()
    migrate.downgrade(catalog_url(url), "0018")
    assert "metric_versions" not in layout(url)
    migrate.upgrade(catalog_url(url))
    with catalog.read() as s:
        assert views.metric_licences(s) == {}
        assert views.cell(s, plan.digests[0]).scores == {"clip_t": 0.5}


@pytest.mark.parametrize("change", ["UPDATE {} SET id = id + 1", "DELETE FROM {}"])
@pytest.mark.parametrize("table", ["reviews", "lineage", "audit"])
def test_what_is_append_only_is_refused_by_the_database(
    catalog: Catalog, planned: Callable[..., SimpleNamespace], table: str, change: str
) -> None:
    plan = planned(1)
    with catalog.write() as s:
        writes.claim_cells(s, plan.digests, "me", 60)
        output = writes.finish_cell(s, plan.digests[0], owner="me", image_sha256="1" * 64, width=8, height=8)
        writes.add_review(s, uuid="u", output_id=output, revision=1, reviewer="ann", decision="approved")
        writes.record_audit(s, actor="ann", action="review", entity="output", entity_id=output)
    with pytest.raises(Exception, match=f"{table} is append-only: add a row"), catalog.write() as s:
        s.execute(text(change.format(table)))
    with catalog.read() as s:
        assert [one.reviewer for one in views.reviews_of(s, output)] == ["ann"]


def test_a_catalog_from_the_future_is_left_alone(url: str, catalog: Catalog) -> None:
    with catalog.write() as s:
        s.execute(text("UPDATE alembic_version SET version_num = '9999'"))
    with pytest.raises(CatalogError, match="a newer DreamTuner has migrated it"):
        Catalog.open(url)
    with catalog.read() as s:
        assert s.scalar(text("SELECT version_num FROM alembic_version")) == "9999"


def test_a_migration_that_fails_leaves_the_old_schema(empty_url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    from alembic import op

    create = op.create_table

    def fails(name: str, *columns: SchemaItem) -> None:
        if name == "lineage":
            raise RuntimeError("power cut")
        create(name, *columns)

    url = catalog_url(empty_url)
    migrate.upgrade(url, "0001")
    first = layout(empty_url)
    monkeypatch.setattr(op, "create_table", fails)
    with pytest.raises(RuntimeError, match="power cut"):
        migrate.upgrade(url)
    assert layout(empty_url) == first
    monkeypatch.undo()
    migrate.upgrade(url)
    assert "lineage" in layout(empty_url)


@sqlite_only
def test_a_percent_sign_in_the_path_is_no_trouble(kind: str, tmp_path: Any) -> None:
    Catalog.open(f"sqlite:///{tmp_path}/100%/catalog.db").close()
    assert (tmp_path / "100%/catalog.db").exists()
