"""Renames that count as one: at every instant at which the process can be killed, and where one of them fails."""

import os
from pathlib import Path
from typing import Any

import pytest

from storage import atomic_renames
from storage.atomic_renames import JOURNAL, catalog_exists, swap, undo_interrupted
from storage.catalog import Catalog, views, writes


def names(folder: Path) -> dict[str, str]:
    return {str(path.relative_to(folder)): path.read_text() for path in folder.rglob("*") if path.is_file()}


@pytest.fixture
def pairs(tmp_path: Path) -> list[tuple[Path, Path]]:
    """An old catalog and folder to be put aside, and a new one of each."""
    for name in ("old", "new"):
        (tmp_path / name / "objects").mkdir(parents=True)
        (tmp_path / name / "objects" / "a").write_text(name)
        (tmp_path / name / "catalog.db").write_text(name)
    (tmp_path / "aside").mkdir()
    old, new, aside = tmp_path / "old", tmp_path / "new", tmp_path / "aside"
    leave = [(old / name, aside / name) for name in ("catalog.db", "objects")]
    return leave + [(new / name, old / name) for name in ("objects", "catalog.db")]


def test_all_of_them_happen(pairs: list[tuple[Path, Path]], tmp_path: Path) -> None:
    swap(tmp_path / JOURNAL, pairs)
    assert (tmp_path / "old" / "catalog.db").read_text() == "new"
    assert (tmp_path / "aside" / "objects" / "a").read_text() == "old"
    assert not (tmp_path / JOURNAL).exists()


@pytest.mark.parametrize("last", range(4))
def test_where_one_fails_none_happened(
    pairs: list[tuple[Path, Path]], tmp_path: Path, monkeypatch: pytest.MonkeyPatch, last: int
) -> None:
    before, rename, done = names(tmp_path), os.rename, []

    def failing(source: Path, target: Path) -> None:
        if len(done) == last:
            monkeypatch.setattr(os, "rename", rename)
            raise OSError(28, "No space left on device")
        done.append(source)
        rename(source, target)

    monkeypatch.setattr(atomic_renames.os, "rename", failing)
    with pytest.raises(OSError, match="No space"):
        swap(tmp_path / JOURNAL, pairs)
    assert names(tmp_path) == before


@pytest.mark.parametrize("last", range(5))
def test_killed_between_two_of_them_they_are_taken_back(
    pairs: list[tuple[Path, Path]], tmp_path: Path, last: int
) -> None:
    before = names(tmp_path)
    if (child := os.fork()) == 0:  # a process of its own, which dies without a chance to tidy up
        rename, done = os.rename, 0

        def dying(source: Any, target: Any) -> None:
            nonlocal done
            if done == last:
                os._exit(9)
            done += 1
            rename(source, target)

        atomic_renames.os.rename = dying  # type: ignore[assignment]
        atomic_renames.Path.unlink = lambda *_, **__: os._exit(9)  # type: ignore[method-assign]
        swap(tmp_path / JOURNAL, pairs)
    os.waitpid(child, 0)
    assert undo_interrupted(tmp_path / JOURNAL)
    assert names(tmp_path) == before
    assert not undo_interrupted(tmp_path / JOURNAL)


def test_a_catalog_that_was_being_replaced_is_there_when_it_is_opened(tmp_path: Path) -> None:
    with Catalog.open(f"sqlite:///{tmp_path}/catalog.db") as catalog, catalog.write() as s:
        writes.add_subject(s, name="pip", class_word="bear", style="natural")
    (tmp_path / JOURNAL).write_text(f'[["{tmp_path}/catalog.db", "{tmp_path}/moved.db"]]')
    (tmp_path / "catalog.db").rename(tmp_path / "moved.db")
    assert catalog_exists(tmp_path / "catalog.db")
    with Catalog.open(f"sqlite:///{tmp_path}/catalog.db") as catalog, catalog.read() as s:
        assert views.status(s).subjects == 1


def test_a_journal_that_was_not_written_to_its_end_means_that_nothing_was_renamed(tmp_path: Path) -> None:
    (tmp_path / JOURNAL).write_text('[["/a')
    assert undo_interrupted(tmp_path / JOURNAL)
    assert not (tmp_path / JOURNAL).exists()
