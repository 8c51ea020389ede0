"""Streams whose reader is gone, whose disk is full, or which were never open."""

import errno
import io
import os
import subprocess
import sys
from pathlib import Path

import pytest
from rich.console import Console

from deploy.cli.terminal import Log, Terminal, Tolerant, unwritten


class Failing(io.StringIO):
    def __init__(self, number: int) -> None:
        super().__init__()
        self.number = number

    def write(self, text: str) -> int:
        raise OSError(self.number, os.strerror(self.number))

    flush = io.StringIO.flush


@pytest.mark.parametrize("number", [errno.EPIPE, errno.EBADF, errno.ENOSPC, errno.EIO])
def test_what_cannot_be_written_stops_nobody(number: int) -> None:
    stream = Tolerant(Failing(number))
    Console(file=stream).print("generating: 1/2 cells")  # type: ignore[arg-type]
    assert isinstance(stream.error, OSError)
    assert stream.error.errno == number


@pytest.mark.parametrize(("number", "concern"), [(errno.EPIPE, False), (errno.ENOSPC, True)])
def test_a_result_that_was_lost_to_a_full_disk_is_told(number: int, concern: bool) -> None:
    out = Console(file=Tolerant(Failing(number)))  # type: ignore[arg-type]
    out.print("made 1")
    said = unwritten(Terminal(out, Console(file=io.StringIO())))
    assert (said is not None) == concern


def test_a_log_holds_no_secrets() -> None:
    file = io.StringIO()
    print("GET https://host.example/a.png?sig=hunter2", file=Log(file))
    assert file.getvalue() == "GET https://host.example/a.png?***\n"


PROGRAM = """
import sys
from deploy.cli.terminal import own_streams, print_result
own_streams()
opened = open(sys.argv[1], "w")
print("to stderr", file=sys.stderr)
print_result({"a": 1})
sys.stdout.flush()
assert opened.fileno() > 2
opened.close()
assert open(sys.argv[1]).read() == ""
"""


@pytest.mark.parametrize("closed", ["", "1>&-", "2>&-", "1>&- 2>&-", "0<&- 1>&- 2>&-"])
def test_files_are_not_opened_where_streams_were_closed(tmp_path: Path, closed: str) -> None:
    command = f'"$0" -c "$1" "$2" {closed}'
    arguments = ["sh", "-c", command, sys.executable, PROGRAM, str(tmp_path / "file")]
    done = subprocess.run(arguments, capture_output=True, text=True, check=False, timeout=60)
    assert done.returncode == 0, done.stderr


def test_a_command_without_a_reader_ends_like_any_other_program() -> None:
    command = '"$0" -m deploy.cli.main status --json | true; echo ${PIPESTATUS[0]}'
    done = subprocess.run(
        ["bash", "-c", command, sys.executable], capture_output=True, text=True, check=False, timeout=60
    )
    assert (done.stdout.strip(), done.stderr) in (("141", ""), ("0", ""))  # 0: it was written before the reader left


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="/dev/full is Linux's")
def test_a_result_on_a_full_disk_is_an_error() -> None:
    with Path("/dev/full").open("w") as full:
        done = subprocess.run(
            [sys.executable, "-m", "deploy.cli.main", "status", "--json"],
            stdout=full,
            stderr=subprocess.PIPE,
            text=True,
            check=False,
            timeout=60,
        )
    assert done.returncode == 1
    assert "the result could not be written to stdout: No space left on device" in done.stderr
    assert "Traceback" not in done.stderr


def test_what_the_database_driver_logs_is_not_printed_beside_the_sentence() -> None:
    code = "import logging; from deploy.cli.terminal import own_streams; own_streams(); "
    code += "logging.getLogger('psycopg').warning('error ignored terminating a pipeline')"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert (done.stdout, done.stderr) == ("", "")


def test_an_error_after_the_streams_are_taken_over_is_still_told(tmp_path: Path) -> None:
    code = "import pathlib, sys; from deploy.cli.terminal import take_over; from deploy.cli.exit import failed; "
    code += "take_over(pathlib.Path(sys.argv[1])); failed(OSError(28, 'No space left on device', sys.argv[1]))"
    log = tmp_path / "log"
    done = subprocess.run([sys.executable, "-c", code, str(log)], capture_output=True, text=True, check=False)
    assert done.returncode == 1
    assert "is full" in done.stderr
    assert log.read_text() == ""
