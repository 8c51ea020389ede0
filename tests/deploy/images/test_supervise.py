"""A worker that is to end tells its flow runs, although each is in a session of its own."""

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from deploy.images.supervise import descendants

ROOT = Path(__file__).resolve().parents[3]
# As Prefect's worker: it starts a process in a session of its own, and at SIGTERM waits for it without telling it.
WORKER = (
    "trap : TERM; setsid sh -c 'trap \"echo handed back; exit 0\" TERM; echo ready; while :; do sleep 0.05; done' & \
while ! wait; do :; done; exit 3"
)


def started(*command: str) -> "subprocess.Popen[str]":
    words = [sys.executable, "-S", "-m", "deploy.images.supervise", *command]
    return subprocess.Popen(words, cwd=ROOT, stdout=subprocess.PIPE, text=True)


def test_sigterm_reaches_a_flow_run_in_a_session_of_its_own() -> None:
    with started("/bin/bash", "-c", WORKER) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == "ready\n"
        assert len(descendants(process.pid)) >= 2
        process.send_signal(signal.SIGTERM)
        assert process.stdout.readline() == "handed back\n"
        assert process.wait(30) == 3


@pytest.mark.parametrize(("script", "code"), [("exit 5", 5), ("kill -9 $$", 137)])
def test_the_exit_code_is_the_commands(script: str, code: int) -> None:
    with started("/bin/sh", "-c", script) as process:
        assert process.wait(30) == code


def test_an_orphan_does_not_end_it() -> None:
    with started("/bin/sh", "-c", "(sleep 0.02 &); sleep 0.1; exit 4") as process:
        assert process.wait(30) == 4


def test_only_ones_own_processes_are_found() -> None:
    with subprocess.Popen(["/bin/sh", "-c", "sleep 60 & echo; wait"], stdout=subprocess.PIPE) as process:
        assert process.stdout is not None
        process.stdout.readline()
        try:
            [sleeping] = descendants(process.pid)
            assert {process.pid, sleeping} <= set(descendants(os.getpid()))
            assert os.getpid() not in descendants(os.getpid())
        finally:
            os.kill(sleeping, signal.SIGTERM)
            process.wait(30)
