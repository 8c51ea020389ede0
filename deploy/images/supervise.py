"""Run a worker, and let its flow runs end before it: `python3 -m deploy.images.supervise COMMAND ...`.

At SIGTERM the worker of Prefect kills the flow runs that it started. So they are told first, while the worker is
halted, which keeps it from starting others; it is told once they have handed their cells back.
"""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path

GRACE_SECONDS = 600.0
"""How long flow runs have to end; Docker and Kubernetes, which wait for less, kill them before."""
POLL_SECONDS = 0.1


def children(parent: int) -> list[int]:
    """Return the living processes that `parent` started, by /proc."""
    found = []
    for place in Path("/proc").iterdir():
        with suppress(OSError, ValueError):
            stat = (place / "stat").read_text() if place.name.isdecimal() else ""
            # proc(5): the name in parentheses may hold anything; after it come state and parent
            state, of = stat[stat.rindex(")") + 2 :].split()[:2]
            if int(of) == parent and state not in "ZXx":
                found.append(int(place.name))
    return found


def supervise(command: Sequence[str]) -> int:
    """Run `command` to its end and return its exit code, 128 + n if signal n ended it.

    At SIGTERM or SIGINT its children get a SIGTERM, and it gets one when they have ended, or after GRACE_SECONDS. Reaps
    orphans, as the first process of a container has to.
    """
    asked = False

    def ask(*_: object) -> None:
        nonlocal asked
        asked = True

    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, ask)
    child = subprocess.Popen(command)
    told = False
    while True:
        ended, status = os.waitpid(-1, os.WNOHANG)
        if ended == child.pid:
            code = os.waitstatus_to_exitcode(status)
            return code if code >= 0 else 128 - code
        if asked and not told:
            told = True
            _end(child.pid)
        time.sleep(POLL_SECONDS)


def _end(worker: int) -> None:
    with suppress(ProcessLookupError):
        os.kill(worker, signal.SIGSTOP)
        for one in children(worker):
            with suppress(ProcessLookupError):
                os.kill(one, signal.SIGTERM)
        until = time.monotonic() + GRACE_SECONDS
        while children(worker) and time.monotonic() < until:
            time.sleep(POLL_SECONDS)
        os.kill(worker, signal.SIGTERM)
        os.kill(worker, signal.SIGCONT)


if __name__ == "__main__":
    sys.exit(supervise(sys.argv[1:]))
