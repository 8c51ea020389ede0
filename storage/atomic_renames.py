"""Several renames that happen all or not at all, also where the process is killed between two of them.

They stand in a journal while they are under way. Who finds a journal that nobody holds takes its renames back.
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
    """Rename each first path to its second, which must not be there. On OSError all is as it was."""
    from storage.objects.durable import sync_folder  # beside it stand libraries that are slow to load

    told = json.dumps([[str(source), str(target)] for source, target in renames])
    folders = {path.parent for pair in renames for path in pair}
    with journal.open("w", encoding="utf-8") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        try:
            file.write(told)
            file.flush()
            os.fsync(file.fileno())
            sync_folder(journal.parent)
            for source, target in renames:
                if os.path.lexists(target):
                    raise FileExistsError(f"{target} is there")
                os.rename(source, target)
            for folder in folders:
                sync_folder(folder)
        except BaseException:
            _take_back(renames)
            raise
        finally:
            journal.unlink(missing_ok=True)
    sync_folder(journal.parent)


def undo_interrupted(journal: Path) -> bool:
    """Take back the renames of a process that was killed between them; whether there were any. Waits for a live one."""
    with _held(journal) as text:
        if text is None:
            return False
        with suppress(ValueError):  # killed while it wrote the journal: nothing was renamed yet
            _take_back([(Path(source), Path(target)) for source, target in json.loads(text)])
        journal.unlink(missing_ok=True)
        return True


def catalog_exists(catalog_file: Path) -> bool:
    """Whether the catalog is there, once a restore that was killed over it is taken back."""
    undo_interrupted(catalog_file.with_name(JOURNAL))
    return catalog_file.is_file()


@contextmanager
def _held(journal: Path) -> Iterator[str | None]:
    """The journal's text, while no other process holds it; None where there is none, or it cannot be changed."""
    try:
        file = journal.open("r+", encoding="utf-8")
    except OSError:
        yield None
        return
    with file:
        fcntl.flock(file, fcntl.LOCK_EX)
        yield file.read() if journal.exists() else None


def _take_back(renames: Renames) -> None:
    for source, target in reversed(renames):
        if os.path.lexists(target) and not os.path.lexists(source):
            os.rename(target, source)
