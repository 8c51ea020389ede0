"""Run a worker, and tell its flow runs too when it is to end: `python3 -m deploy.images.supervise COMMAND ...`.

Prefect's worker waits at SIGTERM for the flow runs that it started, but does not tell them, and each is in a session of
its own, where no signal to a group of processes reaches it. Untold, they would work until the container is killed.
"""

import os
import signal
import subprocess
import sys
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path
from types import FrameType

SIGNALS = (signal.SIGTERM, signal.SIGINT)


def descendants(root: int) -> list[int]:
    """Return the processes that `root` started, and those that they started, by /proc; parents first."""
    children: dict[int, list[int]] = {}
    for place in Path("/proc").iterdir():
        with suppress(OSError, ValueError):
            stat = (place / "stat").read_text() if place.name.isdecimal() else ""
            if stat:  # proc(5): the name in parentheses may hold anything; after it come state and parent
                children.setdefault(int(stat[stat.rindex(")") + 2 :].split()[1]), []).append(int(place.name))
    found = list(children.get(root, []))
    for one in found:  # grows meanwhile
        found += children.get(one, [])
    return found


def supervise(command: Sequence[str]) -> int:
    """Run `command` to its end and return its exit code, 128 + n if signal n ended it.

    Each SIGTERM and SIGINT is passed on to every descendant. Reaps orphans, as a container's first process has to.
    """

    def pass_on(number: int, frame: FrameType | None) -> None:
        for one in descendants(os.getpid()):
            with suppress(ProcessLookupError):
                os.kill(one, number)

    for number in SIGNALS:
        signal.signal(number, pass_on)
    child = subprocess.Popen(command)
    while True:
        ended, status = os.waitpid(-1, 0)
        if ended == child.pid:
            code = os.waitstatus_to_exitcode(status)
            return code if code >= 0 else 128 - code


if __name__ == "__main__":
    sys.exit(supervise(sys.argv[1:]))
