"""The terminal while flows run: ours alone. Whatever libraries and child processes print goes into a log file."""

import errno
import json
import logging
import os
import sys
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, TextIO, cast

from rich.console import Console

from storage.redaction import redact_text

KEPT_LOGS = 20
READER_GONE = 141
"""The exit code of a program that SIGPIPE ends, as shells report it."""


@dataclass(frozen=True)
class Terminal:
    """Two consoles on the process's real stdout and stderr."""

    out: Console
    err: Console

    def flush(self) -> None:
        """Bring everything out; a reader that is gone is no error."""
        for console in (self.out, self.err):
            try:
                console.file.flush()
            except (OSError, ValueError):
                continue


class Tolerant:
    """A text stream that drops what it cannot write: its reader is gone, or its disk is full.

    The work goes on; who reads along is not what it is done for. `error` is the first failure.
    """

    def __init__(self, file: TextIO) -> None:
        self._file = file
        self.error: OSError | ValueError | None = None

    def write(self, text: str) -> int:
        """Write what can be written; always says that all was."""
        try:
            self._file.write(text)
        except (OSError, ValueError) as error:
            self._failed(error)
        return len(text)

    def flush(self) -> None:
        """Flush what can be flushed."""
        try:
            self._file.flush()
        except (OSError, ValueError) as error:
            self._failed(error)

    def _failed(self, error: OSError | ValueError) -> None:
        self.error = self.error or error

    def __getattr__(self, name: str) -> Any:
        return getattr(self._file, name)


class Log(Tolerant):
    """What libraries print, without the passwords and signatures that stand in it."""

    def write(self, text: str) -> int:
        """Write it as `storage.redaction` has it."""
        super().write(redact_text(text))
        return len(text)


class OutputLostError(Exception):
    """The result could not be written to stdout; the message says why."""


class Piped(Tolerant):
    """The stdout of a command that only prints: without a reader it ends at once, like `ls | head -1`."""

    def _failed(self, error: OSError | ValueError) -> None:
        if isinstance(error, BrokenPipeError):
            os._exit(READER_GONE)
        raise OutputLostError(_lost(error)) from error


def own_streams() -> None:
    """Give the process a stdout and a stderr that can be written to, whatever it was started with (`2>&-`).

    A descriptor that is closed would be given to the next file that is opened, and then be printed into.
    """
    for number in (0, 1, 2):
        try:
            os.fstat(number)
        except OSError:
            os.open(os.devnull, os.O_RDWR)  # the lowest free descriptor: this one
    out = sys.stdout or os.fdopen(1, "w", encoding="utf-8", closefd=False)
    err = sys.stderr or os.fdopen(2, "w", encoding="utf-8", closefd=False)
    sys.stdout, sys.stderr = cast(TextIO, Piped(out)), cast(TextIO, Tolerant(err))
    # psycopg logs the end of a failed pipeline as a warning, which logging would print beside the sentence
    logging.getLogger("psycopg").addHandler(logging.NullHandler())


_taken: list[Terminal] = []
"""The consoles on the real streams, once the process's own are a log's."""


def plain_terminal() -> Terminal:
    """The consoles of a command that runs nothing noisy; of one that took the streams over, those that it got."""
    return _taken[0] if _taken else Terminal(_console(), _console(stderr=True))


def _console(**more: Any) -> Console:
    """A console that prints text as it is: a subject may be called `fox [v2]` or `:bear:`."""
    return Console(markup=False, emoji=False, **more)


def take_over(log: Path) -> Terminal:
    """Point the process's stdout and stderr, and its children's, at `log`; return consoles on the real ones.

    It cannot be undone: some libraries speak as late as at the interpreter's exit.
    """
    for stream in (sys.stdout, sys.stderr):
        stream.flush()
    target = os.open(log, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
    real = [Tolerant(os.fdopen(os.dup(number), "w", encoding="utf-8")) for number in (1, 2)]
    os.dup2(target, 1)
    os.dup2(target, 2)
    os.close(target)
    # the log may lie on the very disk whose being full it should tell of
    sys.stdout, sys.stderr = (
        cast(TextIO, Log(os.fdopen(number, "w", encoding="utf-8", buffering=1, closefd=False))) for number in (1, 2)
    )
    out, err = (_console(file=cast(TextIO, one)) for one in real)
    _taken[:] = [Terminal(out, err)]
    return _taken[0]


def unwritten(terminal: Terminal) -> str | None:
    """Why the result did not come out, if that is anybody's concern: a reader that left is not."""
    error = getattr(terminal.out.file, "error", None)
    if not isinstance(error, OSError) or error.errno in (errno.EPIPE, errno.EBADF):
        return None
    return _lost(error)


def _lost(error: OSError | ValueError) -> str:
    reason = error.strerror if isinstance(error, OSError) else error
    return f"the result could not be written to stdout: {reason}; give it another place and run the same command again"


def new_log(home: Path, command: str) -> Path:
    """The path of a fresh log in home/logs; of the old ones the newest are kept."""
    folder = home / "logs"
    folder.mkdir(parents=True, exist_ok=True)
    for old in sorted(folder.glob("*.log"))[: -KEPT_LOGS + 1]:
        old.unlink(missing_ok=True)
    stamp = datetime.now(UTC).strftime("%Y%m%dT%H%M%S")
    return folder / f"{stamp}-{command}-{os.getpid()}.log"


def print_line(terminal: Terminal, what: dict[str, Any]) -> None:
    """One line of JSON on a terminal that was taken over."""
    terminal.out.print(json.dumps(what), soft_wrap=True, highlight=False, markup=False)


def print_result(what: Any) -> None:
    """JSON for machines, where it is a dictionary; else what rich prints."""
    if isinstance(what, dict):
        sys.stdout.write(json.dumps(what) + "\n")
    else:
        plain_terminal().out.print(what)


def say(terminal: Terminal, message: str) -> None:
    """A sentence on stderr, in the program's name."""
    terminal.err.print(f"dreamtuner: {redact_text(message)}", soft_wrap=True, highlight=False, markup=False)
