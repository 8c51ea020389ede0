"""A worker's flow runs end before it: told first, and not killed by it."""

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from deploy.images.supervise import children

ROOT = Path(__file__).resolve().parents[3]
FLOW_RUN = 'trap "sleep 0.1; echo handed back; exit 0" TERM; echo ready; while :; do sleep 0.02; done'
# As Prefect's worker: each flow run is in a session of its own, and is killed at SIGTERM.
WORKER = f"trap 'kill -9 $!; exit 3' TERM; setsid sh -c '{FLOW_RUN}' & wait"


def started(*command: str) -> "subprocess.Popen[str]":
    words = [sys.executable, "-S", "-m", "deploy.images.supervise", *command]
    return subprocess.Popen(words, cwd=ROOT, stdout=subprocess.PIPE, text=True)


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_flow_run_ends_before_its_worker(number: signal.Signals) -> None:
    with started("/bin/bash", "-c", WORKER) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == "ready\n"
        process.send_signal(number)
        assert process.stdout.readline() == "handed back\n"
        assert process.wait(30) == 3


@pytest.mark.parametrize(("script", "code"), [("exit 5", 5), ("kill -9 $$", 137)])
def test_the_exit_code_is_the_commands(script: str, code: int) -> None:
    with started("/bin/sh", "-c", script) as process:
        assert process.wait(30) == code


def test_children_are_found_while_they_live() -> None:
    with subprocess.Popen(["/bin/sh", "-c", "sleep 60 & echo; wait"], stdout=subprocess.PIPE) as process:
        assert process.stdout is not None
        process.stdout.readline()
        [sleeping] = children(process.pid)
        assert process.pid in children(os.getpid())
        os.kill(sleeping, signal.SIGTERM)
        process.wait(30)
        assert children(process.pid) == []
