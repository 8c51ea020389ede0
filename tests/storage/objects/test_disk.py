import errno
import os
import signal
import stat
import time
from collections.abc import Callable
from pathlib import Path
from subprocess import Popen

import pytest

from storage.objects import DiskStore, Put, StoreError


def put(store: DiskStore, key: str, data: bytes) -> bool:
    return store.put(key, data, content_type="image/png")


def names(root: Path) -> list[str]:
    return sorted(str(path.relative_to(root)) for path in root.rglob("*") if path.is_file())


def test_bytes_are_on_the_disk_before_the_name_and_the_name_before_the_answer(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    store = DiskStore(tmp_path)
    seen: list[str] = []
    fsync, link = os.fsync, os.link

    def watched_fsync(descriptor: int) -> None:
        seen.append("folder" if stat.S_ISDIR(os.fstat(descriptor).st_mode) else "file")
        fsync(descriptor)

    def watched_link(source: Path, target: Path) -> None:
        seen.append("name")
        link(source, target)

    put(store, "a/warm", b"x")  # the folders are there
    put(store, "c/warm", b"x")
    monkeypatch.setattr(os, "fsync", watched_fsync)
    monkeypatch.setattr(os, "link", watched_link)
    put(store, "a/b", b"x")
    assert seen == ["file", "name", "folder"]
    seen.clear()
    assert not put(store, "a/b", b"x")
    assert seen == ["folder"]
    seen.clear()
    store.put_all([Put(key, b"x", "image/png") for key in ("a/1", "a/2", "c/3")])
    assert seen == ["file"] * 3 + ["name"] * 3 + ["folder"] * 2


def test_new_folders_are_durable_in_their_parents(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    synced: list[str] = []
    fsync = os.fsync

    def watched(descriptor: int) -> None:
        synced.append(os.readlink(f"/proc/self/fd/{descriptor}"))
        fsync(descriptor)

    monkeypatch.setattr(os, "fsync", watched)
    put(DiskStore(tmp_path), "a/b/c", b"x")
    assert {str(tmp_path), str(tmp_path / "a"), str(tmp_path / "a/b")} <= set(synced)


@pytest.mark.parametrize("step", ["fsync", "link"])
def test_a_put_that_fails_leaves_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, step: str) -> None:
    store = DiskStore(tmp_path)
    put(store, "a/warm", b"x")

    def full(*_: object) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(os, step, full)
    with pytest.raises(StoreError, match=r"a/b could not be written .* No space left"):
        put(store, "a/b", b"x")
    assert names(tmp_path) == ["a/warm"]


def test_without_hard_links_a_put_still_works(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def refused(*_: object) -> None:
        raise OSError(errno.EPERM, "Operation not permitted")

    monkeypatch.setattr(os, "link", refused)
    store = DiskStore(tmp_path)
    assert put(store, "a/b", b"x")
    assert not put(store, "a/b", b"y")
    assert names(tmp_path) == ["a/b"]
    assert store.get("a/b") == b"x"


def test_a_store_under_a_file_says_what_is_wrong(tmp_path: Path) -> None:
    (tmp_path / "file").write_bytes(b"")
    with pytest.raises(StoreError, match=r"object a could not be written in .*file/objects: .*store objects elsewhere"):
        put(DiskStore(tmp_path / "file" / "objects"), "a", b"x")


def test_killed_while_putting_no_object_is_torn(tmp_path: Path, python: Callable[..., Popen[str]]) -> None:
    code = """
import sys
from pathlib import Path
from storage.objects import DiskStore
store = DiskStore(Path(sys.argv[1]))
for i in range(100_000):
    store.put(f"many/{i}", b"%08d" % i * 50_000, content_type="x")
    print(i, flush=True)
"""
    writer = python(code, [tmp_path])
    assert writer.stdout is not None
    for _ in range(5):
        last = int(writer.stdout.readline())
    time.sleep(0.013)  # somewhere inside a put
    writer.send_signal(signal.SIGKILL)
    writer.wait()
    last = max([last, *(int(line) for line in writer.stdout.read().split())])
    store = DiskStore(tmp_path)
    assert all(store.exists(f"many/{i}") for i in range(last + 1))
    for name in names(tmp_path / "many"):
        assert store.get(f"many/{name}") == b"%08d" % int(name) * 50_000


def test_what_a_killed_process_left_half_written_is_swept_when_it_is_old(tmp_path: Path) -> None:
    store = DiskStore(tmp_path)
    put(store, "a", b"x")
    old, new = (tmp_path / ".incoming" / name for name in ("0" * 32, "1" * 32))
    for file in (old, new):
        file.write_bytes(b"half")
    long_ago = time.time() - 25 * 3600
    os.utime(old, (long_ago, long_ago))
    os.utime(tmp_path / "a", (long_ago, long_ago))
    store.check()
    assert names(tmp_path) == [f".incoming/{new.name}", "a"]
    assert [found.key for found in store.walk()] == ["a"]


def test_a_folder_without_hard_links_is_used_and_says_what_that_means(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refused(*_: object) -> None:
        raise OSError(errno.EPERM, "Operation not permitted")

    monkeypatch.setattr(os, "link", refused)
    (said,) = DiskStore(tmp_path).check()
    assert "has no hard links" in said
    assert names(tmp_path) == []


@pytest.mark.skipif(os.geteuid() == 0, reason="root may write everywhere")
def test_a_folder_that_cannot_be_written_is_refused_before_anything_is_made(tmp_path: Path) -> None:
    tmp_path.chmod(0o500)
    with pytest.raises(StoreError, match="check that folder's disk and permissions"):
        DiskStore(tmp_path / "objects").check()
