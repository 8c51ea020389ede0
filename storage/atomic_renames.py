"""Several renames as one atomic operation, even if the process is killed between two of them.

They are recorded in a journal while in progress. A process that finds an unlocked journal undoes its renames.
"""

import fcntl
import json
import os
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path

JOURNAL = ".restoring.json"
Renames = Sequence[tuple[Path, Path]]


def swap(journal: Path, renames: Renames) -> None:
    """Rename each first path to its second, which must not exist. On OSError all renames are undone."""
    from storage.objects.durable import sync_folder  # its package imports libraries that are slow to load

    text = json.dumps([[str(source), str(target)] for source, target in renames])
    folders = {path.parent for pair in renames for path in pair}
    with journal.open("w", encoding="utf-8") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        try:
            file.write(text)
            file.flush()
            os.fsync(file.fileno())
            sync_folder(journal.parent)
            for source, target in renames:
                if os.path.lexists(target):
                    raise FileExistsError(f"{target} exists")
                os.rename(source, target)
            for folder in folders:
                sync_folder(folder)
        except BaseException:
            _undo(renames)
            raise
        finally:
            journal.unlink(missing_ok=True)
    sync_folder(journal.parent)


def undo_interrupted(journal: Path) -> bool:
    """Undo the renames of a killed process; return whether there were any. Waits for a live one."""
    with _held(journal) as text:
        if text is None:
            return False
        with suppress(ValueError):  # killed while writing the journal: nothing was renamed yet
            _undo([(Path(source), Path(target)) for source, target in json.loads(text)])
        journal.unlink(missing_ok=True)
        return True


def catalog_exists(catalog_file: Path) -> bool:
    """Return whether the catalog exists, after undoing an interrupted restore."""
    undo_interrupted(catalog_file.with_name(JOURNAL))
    return catalog_file.is_file()


@contextmanager
def _held(journal: Path) -> Iterator[str | None]:
    """Lock the journal and yield its text; None if there is none or it cannot be changed."""
    try:
        file = journal.open("r+", encoding="utf-8")
    except OSError:
        yield None
        return
    with file:
        fcntl.flock(file, fcntl.LOCK_EX)
        yield file.read() if journal.exists() else None


def _undo(renames: Renames) -> None:
    for source, target in reversed(renames):
        if os.path.lexists(target) and not os.path.lexists(source):
            os.rename(target, source)
