"""How a command that follows a flow ends: with one of four exit codes, and a sentence where something is wrong."""

import os
import traceback
from collections.abc import Callable
from typing import TYPE_CHECKING, NoReturn, TypeVar

from deploy.terminal import Terminal, new_log, say, take_over
from flows.problems import InputError
from flows.settings import Settings

if TYPE_CHECKING:
    from deploy.progress_line import ProgressLine

T = TypeVar("T")
OK, SOME_FAILED, BAD_INPUT, INTERRUPTED = 0, 1, 2, 130


def followed(command: str, settings: Settings, work: "Callable[[ProgressLine], T]") -> "tuple[Terminal, T]":
    """What `work` returns, its progress on stderr, its noise in a log; what fails ends the process in a sentence."""
    from deploy.progress_line import ProgressLine
    from deploy.running import log_to_stderr

    log = new_log(settings.home, command)
    terminal = take_over(log)
    log_to_stderr()
    try:
        with ProgressLine(terminal.err) as line:
            return terminal, work(line)
    except KeyboardInterrupt:
        say(terminal, "interrupted; what is made is kept, and the same command makes the rest")
        leave(terminal, INTERRUPTED)
    except InputError as error:
        say(terminal, str(error))
        leave(terminal, BAD_INPUT)
    except Exception as error:
        traceback.print_exc()
        say(terminal, f"{type(error).__name__}: {error}\nthe whole story is in {log}; what is made is kept")
        leave(terminal, SOME_FAILED)


def leave(terminal: Terminal, code: int) -> NoReturn:
    """End here and now: everything is put back and said, and what libraries do at exit only costs time."""
    terminal.flush()
    os._exit(code)
