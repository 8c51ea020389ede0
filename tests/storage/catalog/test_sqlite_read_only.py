"""A catalog that cannot be written is read, as it is now, whatever SQLite left beside it."""

import os
import shutil
import sqlite3
from collections.abc import Iterator
from pathlib import Path

import pytest

from storage.catalog import Catalog, views, writes
from storage.catalog.database.engine import catalog_url
from storage.catalog.database.sqlite_read_only import CatalogReadOnlyError, connect_read_only
from storage.catalog.migrate import downgrade
from storage.objects import DiskStore


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A catalog of one subject."""
    with Catalog.open(f"sqlite:///{tmp_path}/catalog.db") as catalog, catalog.write() as s:
        writes.add_subject(s, name="pip", class_word="bear", style="natural")
    return tmp_path


@pytest.fixture
def sealed(folder: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """The same where nothing can be written; what root may do all the same is denied by name."""
    access = os.access
    monkeypatch.setattr(os, "access", lambda path, mode: access(path, mode) and not mode & os.W_OK)
    folder.chmod(0o555)
    (folder / "catalog.db").chmod(0o444)
    yield folder
    folder.chmod(0o755)


def subjects(catalog: Catalog) -> int:
    with catalog.read() as s:
        return views.status(s).subjects


def test_it_is_read_and_nothing_is_left_beside_it(sealed: Path) -> None:
    with Catalog.open(f"sqlite:///{sealed}/catalog.db") as catalog:
        assert catalog.read_only
        assert subjects(catalog) == 1
        with pytest.raises(CatalogReadOnlyError, match=r"catalog\.db is read-only"), catalog.write():
            pass
    assert [path.name for path in sealed.iterdir()] == ["catalog.db"]


def test_a_catalog_that_can_be_written_is(folder: Path) -> None:
    with Catalog.open(f"sqlite:///{folder}/catalog.db") as catalog:
        assert not catalog.read_only


def test_one_of_an_older_version_says_that_it_has_to_be_migrated(folder: Path, request: pytest.FixtureRequest) -> None:
    downgrade(catalog_url(f"sqlite:///{folder}/catalog.db"), "-1")
    sealed = request.getfixturevalue("sealed")
    with pytest.raises(CatalogReadOnlyError, match="older version and must be migrated"):
        Catalog.open(f"sqlite:///{sealed}/catalog.db")


@pytest.mark.parametrize("beside", [("-wal", "-shm"), ("-wal",)])
def test_what_a_killed_writer_left_in_the_log_is_read_too(
    folder: Path, tmp_path_factory: pytest.TempPathFactory, beside: tuple[str, ...]
) -> None:
    snapshot = tmp_path_factory.mktemp("snapshot")
    writer = sqlite3.connect(folder / "catalog.db")
    columns = "class_word, style, created_at"
    writer.execute(f"INSERT INTO subjects (id, name, {columns}) SELECT id + 1, 'momo', {columns} FROM subjects")
    writer.commit()
    for side in ("", *beside):
        shutil.copy(folder / f"catalog.db{side}", snapshot)
    writer.close()
    reader = connect_read_only(snapshot / "catalog.db", 5)
    assert reader.execute("SELECT count(*) FROM subjects").fetchone() == (2,)
    reader.close()


def test_a_store_that_cannot_be_written_says_so_and_writes_no_probe(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    store = DiskStore(tmp_path / "objects")
    store.put("blobs/a", b"a", content_type="text/plain")
    before = sorted((tmp_path / "objects").rglob("*"))
    monkeypatch.setattr(os, "access", lambda path, mode: not mode & os.W_OK)
    assert "is read-only" in store.check()[0]
    assert sorted((tmp_path / "objects").rglob("*")) == before
