from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace

import pytest
from sqlalchemy import text
from sqlalchemy.schema import SchemaItem

from storage.catalog import Catalog, migrate, views
from storage.catalog.base import Base
from storage.catalog.engine import catalog_url, make_engine, writing
from storage.catalog.records import CatalogError


def layout(path: Path) -> dict[str, list[str]]:
    """Every table and index with the lines that define it, in no order."""
    engine = make_engine(catalog_url(f"sqlite:///{path}"))
    with engine.begin() as connection:
        rows = connection.execute(text("SELECT name, sql FROM sqlite_master WHERE sql IS NOT NULL")).all()
    engine.dispose()
    lines = {name: sorted(line.strip(" \t,") for line in sql.splitlines()) for name, sql in rows}
    lines.pop("alembic_version", None)
    return lines


def test_the_migrations_make_exactly_the_tables_of_the_schema(tmp_path: Path) -> None:
    migrate.upgrade(catalog_url(f"sqlite:///{tmp_path}/migrated.db"))
    engine = make_engine(catalog_url(f"sqlite:///{tmp_path}/declared.db"))
    with writing(engine).begin() as connection:
        Base.metadata.create_all(connection)
    engine.dispose()
    declared = layout(tmp_path / "declared.db")
    assert declared == layout(tmp_path / "migrated.db")
    assert set(Base.metadata.tables) <= set(declared)


def test_down_and_up_again_with_data(tmp_path: Path, catalog: Catalog, planned: Callable[..., SimpleNamespace]) -> None:
    url = catalog_url(f"sqlite:///{tmp_path}/catalog.db")
    planned(5)
    migrate.upgrade(url)  # nothing to do: the data stays
    with catalog.read() as s:
        assert views.status(s).cells["planned"] == 5
    catalog.close()
    migrate.downgrade(url, "base")
    assert layout(tmp_path / "catalog.db") == {}
    migrate.upgrade(url)
    with catalog.read() as s:
        assert views.status(s).cells["planned"] == 0
    planned(5)
    with catalog.read() as s:
        assert views.status(s).cells["planned"] == 5
        assert migrate.current_revision(s.connection()) == migrate.head_revision()


def test_a_catalog_from_the_future_is_left_alone(tmp_path: Path, catalog: Catalog) -> None:
    with catalog.write() as s:
        s.execute(text("UPDATE alembic_version SET version_num = '9999'"))
    with pytest.raises(CatalogError, match="upgrade this installation"):
        Catalog.open(f"sqlite:///{tmp_path}/catalog.db")
    with catalog.read() as s:
        assert s.scalar(text("SELECT version_num FROM alembic_version")) == "9999"


def test_a_migration_that_fails_leaves_the_old_schema(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from alembic import op

    create = op.create_table

    def fails(name: str, *columns: SchemaItem) -> None:
        if name == "scores":
            raise RuntimeError("power cut")
        create(name, *columns)

    monkeypatch.setattr(op, "create_table", fails)
    url = catalog_url(f"sqlite:///{tmp_path}/catalog.db")
    with pytest.raises(RuntimeError, match="power cut"):
        migrate.upgrade(url)
    assert layout(tmp_path / "catalog.db") == {}
    monkeypatch.undo()
    migrate.upgrade(url)
    assert "scores" in layout(tmp_path / "catalog.db")


def test_a_percent_sign_in_the_path_is_no_trouble(tmp_path: Path) -> None:
    Catalog.open(f"sqlite:///{tmp_path}/100%/catalog.db").close()
    assert (tmp_path / "100%/catalog.db").exists()
