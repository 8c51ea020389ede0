import io
import sqlite3
import tarfile
from collections.abc import Callable
from pathlib import Path
from subprocess import Popen
from typing import Any

import pytest

from storage.catalog import Catalog, views, writes
from storage.ingest import storing
from storage.keys import blob_key
from storage.maintenance.backup import BackupError, backup
from storage.maintenance.restore import restore
from storage.maintenance.verify import Finding, verify
from storage.objects import DiskStore

PNG = "image/png"


@pytest.fixture
def kind() -> str:
    """Backups are those of the embedded default."""
    return "sqlite"


@pytest.fixture
def store(tmp_path: Path) -> DiskStore:
    return DiskStore(tmp_path / "objects")


@pytest.fixture
def filled(catalog: Catalog, store: DiskStore) -> list[str]:
    """A catalog with three references, and one blob that nothing refers to."""
    pictures = [b"first", b"second", b"third"]
    with storing(catalog, store, *((data, PNG) for data in pictures), (b"rubbish", PNG)) as (s, digests):
        subject = writes.add_subject(s, name="pip", class_word="bear", style="natural")
        for sha256 in digests[:3]:
            writes.add_reference(
                s, subject_id=subject, image_sha256=sha256, width=8, height=8, source="x", caption=None
            )
    return list(digests)


def agrees(home: Path) -> bool:
    found: list[Finding] = []
    with Catalog.open(f"sqlite:///{home}/catalog.db") as catalog:
        verify(catalog, DiskStore(home / "objects"), found.append)
    return found == []


def into(file: Path, home: Path, **more: Any) -> Path | None:
    return restore(file, home / "catalog.db", home / "objects", **more)[1]


def test_what_was_backed_up_comes_back(catalog: Catalog, store: DiskStore, filled: list[str], tmp_path: Path) -> None:
    manifest = backup(catalog, store, tmp_path / "b.tar")
    assert (manifest.blobs, manifest.bytes) == (3, len(b"firstsecondthird"))
    home = tmp_path / "elsewhere" / "home"
    assert into(tmp_path / "b.tar", home) is None
    assert agrees(home)
    assert sorted(path.name for path in home.iterdir()) == ["catalog.db", "objects"]
    with Catalog.open(f"sqlite:///{home}/catalog.db") as restored, restored.read() as s:
        assert views.subject_assets(s, "pip").image_sha256 == filled[2]
    assert not DiskStore(home / "objects").exists(blob_key(filled[3]))
    assert agrees(tmp_path)  # and nothing was taken from the catalog that was backed up
    assert store.exists(blob_key(filled[3]))


def test_a_home_that_holds_something_is_kept_unless_forced_and_then_moved_aside(
    catalog: Catalog, store: DiskStore, filled: list[str], tmp_path: Path
) -> None:
    backup(catalog, store, tmp_path / "b.tar")
    with catalog.write() as s:
        writes.add_subject(s, name="later", class_word="bear", style="natural")
    catalog.close()
    with pytest.raises(
        BackupError, match=r"catalog\.db is not empty; restore into another DREAMTUNER_HOME, or .*--force"
    ):
        into(tmp_path / "b.tar", tmp_path)
    aside = into(tmp_path / "b.tar", tmp_path, force=True)
    assert aside is not None
    assert agrees(tmp_path)
    assert agrees(aside)
    with Catalog.open(f"sqlite:///{tmp_path}/catalog.db") as now, now.read() as s:
        assert views.status(s).subjects == 1
    with Catalog.open(f"sqlite:///{aside}/catalog.db") as before, before.read() as s:
        assert views.status(s).subjects == 2


@pytest.mark.slow
def test_a_backup_beside_a_busy_writer_agrees_with_itself(
    catalog: Catalog, store: DiskStore, tmp_path: Path, python: Callable[..., Popen[str]]
) -> None:
    code = """
import sys
from pathlib import Path
from storage.catalog import Catalog, writes
from storage.ingest import storing
from storage.objects import DiskStore
store = DiskStore(Path(sys.argv[1]) / "objects")
with Catalog.open(f"sqlite:///{sys.argv[1]}/catalog.db") as catalog:
    for i in range(100_000):
        with storing(catalog, store, (b"%d" % i, "image/png")) as (s, [sha256]):
            subject = writes.add_subject(s, name="pip", class_word="bear", style="natural")
            writes.add_reference(s, subject_id=subject, image_sha256=sha256, width=8, height=8, source="", caption="")
        print(i, flush=True)
"""
    writer = python(code, [tmp_path])
    assert writer.stdout is not None
    for _ in range(3):
        writer.stdout.readline()
    manifest = backup(catalog, store, tmp_path / "b.tar")
    writer.kill()
    assert manifest.blobs >= 3
    into(tmp_path / "b.tar", tmp_path / "home")
    assert agrees(tmp_path / "home")


def test_a_backup_is_not_written_over_another_nor_from_a_damaged_store(
    catalog: Catalog, store: DiskStore, filled: list[str], tmp_path: Path
) -> None:
    (tmp_path / "b.tar").write_bytes(b"precious")
    with pytest.raises(BackupError, match=r"b\.tar exists; name another file"):
        backup(catalog, store, tmp_path / "b.tar")
    store.delete(blob_key(filled[0]))
    with pytest.raises(BackupError, match="run `dreamtuner verify` and repair"):
        backup(catalog, store, tmp_path / "c.tar")
    with pytest.raises(BackupError, match="name a file in a folder with free space"):
        backup(catalog, store, tmp_path / "nowhere" / "c.tar")
    assert (tmp_path / "b.tar").read_bytes() == b"precious"
    assert sorted(path.name for path in tmp_path.iterdir() if "tar" in path.name) == ["b.tar"]


def changed(archive: Path, change: Callable[[tarfile.TarInfo, bytes], tuple[str, bytes] | None]) -> Path:
    """The archive anew, each member as `change` gives it (None: left out)."""
    out = archive.with_name("changed.tar")
    with tarfile.open(archive) as old, tarfile.open(out, "w") as new:
        for entry in old:
            file = old.extractfile(entry)
            assert file is not None
            if (given := change(entry, file.read())) is not None:
                entry.name, entry.size = given[0], len(given[1])
                new.addfile(entry, io.BytesIO(given[1]))
    return out


DAMAGE: dict[str, Callable[[tarfile.TarInfo, bytes], tuple[str, bytes] | None]] = {
    "a changed object": lambda e, data: (e.name, data.replace(b"second", b"secund")),
    "a missing object": lambda e, data: None if data == b"third" else (e.name, data),
    "an object outside": lambda e, data: (e.name.replace("objects/", "objects/../../../"), data),
    "no manifest": lambda e, data: None if e.name == "manifest.json" else (e.name, data),
    "a manifest from the future": lambda e, data: (e.name, data.replace(b'"format": 1', b'"format": 9')),
    "a manifest of nothing": lambda e, data: (e.name, b"[]" if e.name == "manifest.json" else data),
}


@pytest.mark.parametrize("name", DAMAGE)
def test_a_damaged_backup_is_refused_and_the_home_left_as_it_was(
    catalog: Catalog, store: DiskStore, filled: list[str], tmp_path: Path, name: str
) -> None:
    backup(catalog, store, tmp_path / "b.tar")
    home = tmp_path / "a" / "b" / "home"
    into(tmp_path / "b.tar", home)
    with pytest.raises(BackupError, match=r"use|upgrade"):
        into(changed(tmp_path / "b.tar", DAMAGE[name]), home, force=True)
    assert agrees(home)
    assert sorted(path.name for path in home.iterdir()) == ["catalog.db", "objects"]
    assert [path.name for path in (tmp_path / "a").iterdir()] == ["b"]


@pytest.mark.parametrize("data", [b"", b"no archive" * 1000])
def test_what_is_no_backup_is_said_to_be_none(tmp_path: Path, data: bytes) -> None:
    (tmp_path / "b.tar").write_bytes(data)
    with pytest.raises(BackupError, match=r"b\.tar is not a complete backup"):
        into(tmp_path / "b.tar", tmp_path / "home")
    assert not (tmp_path / "home").exists()
    with pytest.raises(BackupError, match=r"c\.tar is not there"):
        into(tmp_path / "c.tar", tmp_path / "home")


def test_a_server_is_backed_up_by_its_own_means(tmp_path: Path, store: DiskStore) -> None:
    class Server:
        class url:
            @staticmethod
            def get_backend_name() -> str:
                return "postgresql"

    with pytest.raises(BackupError, match="pg_dump"):
        backup(Server(), store, tmp_path / "b.tar")  # type: ignore[arg-type]


def test_the_copy_is_one_whole_database(catalog: Catalog, store: DiskStore, filled: list[str], tmp_path: Path) -> None:
    backup(catalog, store, tmp_path / "b.tar")
    with tarfile.open(tmp_path / "b.tar") as archive:
        file = archive.extractfile("catalog.db")
        assert file is not None
        (tmp_path / "copy.db").write_bytes(file.read())
        assert {(entry.uid, entry.uname) for entry in archive} == {(0, "")}
    with sqlite3.connect(tmp_path / "copy.db") as copy:
        assert copy.execute("PRAGMA integrity_check").fetchone() == ("ok",)
    copy.close()
