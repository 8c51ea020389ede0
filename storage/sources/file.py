"""Sources on this machine's disk."""

import os
import stat
from pathlib import Path

from storage.sources.errors import SourceError, too_large


def read_file(source: str, *, max_bytes: int, base: Path | None) -> bytes:
    """Read the bytes of the regular file `source`, relative to `base`. "~" is the home folder. Raises SourceError."""
    shown = repr(source[:200])
    try:
        path = (base or Path()) / Path(source).expanduser()
        with open(path, "rb", opener=_without_waiting) as file:
            if not stat.S_ISREG(os.fstat(file.fileno()).st_mode):
                raise SourceError(f"{shown} is not a regular file; give the path of one")
            data = file.read(max_bytes + 1)
    except (OSError, ValueError, RuntimeError) as error:  # a NUL is a ValueError, an unknown "~user" a RuntimeError
        reason = error.strerror if isinstance(error, OSError) else str(error)
        where = "" if base is None else f" in {str(base)!r}"
        raise SourceError(f"{shown} cannot be read{where}: {reason}; correct the path") from error
    if len(data) > max_bytes:
        raise too_large(shown, max_bytes)
    return data


def _without_waiting(path: str, flags: int) -> int:
    # Otherwise open() would block on a named pipe.
    return os.open(path, flags | os.O_NONBLOCK)
