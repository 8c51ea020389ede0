"""Reserves the terminal for our own output while flows run; libraries and child processes print to a log file."""

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

MAX_LOGS = 20
READER_GONE = 141
"""The exit code of a program that SIGPIPE ends, as shells report it."""


@dataclass(frozen=True)
class Terminal:
    """Consoles on the process's real stdout and stderr."""

    out: Console
    err: Console

    def flush(self) -> None:
        """Flush both consoles; ignore a reader that is gone."""
        for console in (self.out, self.err):
            try:
                console.file.flush()
            except (OSError, ValueError):
                continue


class Tolerant:
    """A text stream that drops what it cannot write (reader gone, disk full), so that the work goes on.

    `error` is the first failure.
    """

    def __init__(self, file: TextIO) -> None:
        self._file = file
        self.error: OSError | ValueError | None = None

    def write(self, text: str) -> int:
        """Write what can be written; always report success."""
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
    """A log of what libraries print, with passwords and signatures redacted."""

    def write(self, text: str) -> int:
        """Write it as `storage.redaction` has it."""
        super().write(redact_text(text))
        return len(text)


class OutputLostError(Exception):
    """The result could not be written to stdout; the message says why."""


class Piped(Tolerant):
    """The stdout of a command that only prints: it exits as soon as its reader is gone, like `ls | head -1`."""

    def _failed(self, error: OSError | ValueError) -> None:
        if isinstance(error, BrokenPipeError):
            os._exit(READER_GONE)
        raise OutputLostError(_lost(error)) from error


def own_streams() -> None:
    """Ensure a writable stdout and stderr, even if the process was started without them (`2>&-`).

    A closed descriptor would be reused by the next file that is opened, and output would end up in that file.
    """
    for number in (0, 1, 2):
        try:
            os.fstat(number)
        except OSError:
            os.open(os.devnull, os.O_RDWR)  # the lowest free descriptor: this one
    out = sys.stdout or os.fdopen(1, "w", encoding="utf-8", closefd=False)
    err = sys.stderr or os.fdopen(2, "w", encoding="utf-8", closefd=False)
    sys.stdout, sys.stderr = cast(TextIO, Piped(out)), cast(TextIO, Tolerant(err))
    # psycopg logs a failed pipeline as a warning, which logging would print next to our message
    logging.getLogger("psycopg").addHandler(logging.NullHandler())


_terminal: list[Terminal] = []
"""The consoles on the real streams, after `take_over`."""


def plain_terminal() -> Terminal:
    """Return consoles on stdout and stderr; after `take_over`, those on the real streams."""
    return _terminal[0] if _terminal else Terminal(_console(), _console(stderr=True))


def _console(**more: Any) -> Console:
    """Return a console without markup: a subject may be called `fox [v2]` or `:bear:`."""
    return Console(markup=False, emoji=False, **more)


def take_over(log: Path) -> Terminal:
    """Redirect stdout and stderr of this process and its children to `log`; return consoles on the real ones.

    It cannot be undone: some libraries print as late as at interpreter exit.
    """
    for stream in (sys.stdout, sys.stderr):
        stream.flush()
    target = os.open(log, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
    real = [Tolerant(os.fdopen(os.dup(number), "w", encoding="utf-8")) for number in (1, 2)]
    os.dup2(target, 1)
    os.dup2(target, 2)
    os.close(target)
    # the log may be on the very disk that is full
    sys.stdout, sys.stderr = (
        cast(TextIO, Log(os.fdopen(number, "w", encoding="utf-8", buffering=1, closefd=False))) for number in (1, 2)
    )
    out, err = (_console(file=cast(TextIO, one)) for one in real)
    _terminal[:] = [Terminal(out, err)]
    return _terminal[0]


def unwritten(terminal: Terminal) -> str | None:
    """Return why the result could not be written; None if it was, or if its reader is gone."""
    error = getattr(terminal.out.file, "error", None)
    if not isinstance(error, OSError) or error.errno in (errno.EPIPE, errno.EBADF):
        return None
    return _lost(error)


def _lost(error: OSError | ValueError) -> str:
    reason = error.strerror if isinstance(error, OSError) else error
    return f"the result could not be written to stdout: {reason}; redirect it elsewhere and run the same command again"


def new_log(home: Path, command: str) -> Path:
    """Return the path of a new log in home/logs; delete all but the newest old ones."""
    folder = home / "logs"
    folder.mkdir(parents=True, exist_ok=True)
    for old in sorted(folder.glob("*.log"))[: -MAX_LOGS + 1]:
        old.unlink(missing_ok=True)
    stamp = datetime.now(UTC).strftime("%Y%m%dT%H%M%S")
    return folder / f"{stamp}-{command}-{os.getpid()}.log"


def print_line(terminal: Terminal, what: dict[str, Any]) -> None:
    """Print one line of JSON to the real stdout."""
    terminal.out.print(json.dumps(what), soft_wrap=True, highlight=False, markup=False)


def print_result(what: Any) -> None:
    """Print a dictionary as JSON, anything else with rich."""
    if isinstance(what, dict):
        sys.stdout.write(json.dumps(what) + "\n")
    else:
        plain_terminal().out.print(what)


def print_message(terminal: Terminal, message: str) -> None:
    """Print a message to stderr, prefixed with the program's name."""
    terminal.err.print(f"dreamtuner: {redact_text(message)}", soft_wrap=True, highlight=False, markup=False)
