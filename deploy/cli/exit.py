"""Ends a command with one of four exit codes, and with one sentence on stderr if something is wrong."""

import os
import sys
import tempfile
import traceback
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, NoReturn, TypeVar

from deploy.cli.terminal import Terminal, new_log, plain_terminal, print_message, take_over, unwritten
from flows.settings import Settings, SettingsError
from storage.redaction import redact_text

if TYPE_CHECKING:
    from deploy.cli.progress import ProgressLine

T = TypeVar("T")
OK, SOME_FAILED, BAD_INPUT, INTERRUPTED = 0, 1, 2, 130


def run_with_progress(command: str, settings: Settings, work: "Callable[[ProgressLine], T]") -> "tuple[Terminal, T]":
    """Run `work` with progress on stderr and other output in a log; on an error print one sentence and exit."""
    from deploy.cli.local_run import log_to_stderr
    from deploy.cli.progress import ProgressLine

    log = new_log(settings.home, command)
    terminal = take_over(log)
    log_to_stderr(settings)
    try:
        with ProgressLine(terminal.err) as line:
            return terminal, work(line)
    except KeyboardInterrupt:
        print_message(terminal, "interrupted; finished images are kept, and the same command generates the rest")
        leave(terminal, INTERRUPTED)
    except Exception as error:
        from deploy.cli.error_message import is_bad_input, sentence
        from flows.faults import RunStoppedError

        sys.stderr.write(redact_text(traceback.format_exc()))
        if isinstance(error, RunStoppedError):
            print_message(terminal, f"the run was stopped: {error}")
            leave(terminal, INTERRUPTED if error.state == "cancelled" else SOME_FAILED)
        if is_bad_input(error):
            print_message(terminal, sentence(error, settings))
            leave(terminal, BAD_INPUT)
        print_message(terminal, f"{sentence(error, settings)}\nsee {log} for the traceback")
        leave(terminal, SOME_FAILED)


def failed(error: Exception) -> NoReturn:
    """End a command that runs no flow: the error message on stderr, the traceback in a file."""
    try:
        settings: Settings | None = Settings.load()
    except SettingsError:
        settings = None
    from deploy.cli.error_message import is_bad_input, sentence

    words = sentence(error, settings)
    if words.startswith(f"{type(error).__name__}: "):  # no better message: a developer needs the traceback
        words += _write_traceback(settings, error)
    print_message(plain_terminal(), words)
    sys.exit(BAD_INPUT if is_bad_input(error) else SOME_FAILED)


def _write_traceback(settings: Settings | None, error: Exception) -> str:
    """Write the traceback to a file; return a line that names it."""
    with suppress(OSError):
        if settings is not None and os.access(settings.home, os.W_OK):
            log = new_log(settings.home, "error")
        else:
            handle, name = tempfile.mkstemp(prefix="dreamtuner-", suffix=".log")
            os.close(handle)
            log = Path(name)
        log.write_text(redact_text("".join(traceback.format_exception(error))), encoding="utf-8")
        return f"\nsee {log} for the traceback"
    return ""


def leave(terminal: Terminal, code: int) -> NoReturn:
    """Exit immediately: all output is flushed and cleanup is done; skip the slow interpreter shutdown."""
    terminal.flush()
    lost = unwritten(terminal)
    if lost is not None:
        print_message(terminal, lost)
        code = code or SOME_FAILED
    os._exit(code)
