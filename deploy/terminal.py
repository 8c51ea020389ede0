"""The terminal while flows run: ours alone. Whatever libraries and child processes print goes into a log file."""

import json
import os
import sys
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from rich.console import Console

KEPT_LOGS = 20


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
            except (BrokenPipeError, ValueError):
                continue


def plain_terminal() -> Terminal:
    """The consoles of a command that runs nothing noisy."""
    return Terminal(Console(soft_wrap=False), Console(stderr=True))


def take_over(log: Path) -> Terminal:
    """Point the process's stdout and stderr, and its children's, at `log`; return consoles on the real ones.

    It cannot be undone: some libraries speak as late as at the interpreter's exit.
    """
    for stream in (sys.stdout, sys.stderr):
        stream.flush()
    out, err = (Console(file=os.fdopen(os.dup(fd), "w", encoding="utf-8")) for fd in (1, 2))
    target = os.open(log, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
    os.dup2(target, 1)
    os.dup2(target, 2)
    os.close(target)
    return Terminal(out, err)


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
    terminal.err.print(f"dreamtuner: {message}", soft_wrap=True, highlight=False, markup=False)
