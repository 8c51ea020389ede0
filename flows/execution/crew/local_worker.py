"""A worker of a run as a process of this machine, and what it does there: `python -m flows.generate RUN`.

It ends after its current step on SIGTERM, and when its standard input closes: that is, when its parent has died.
"""

import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from types import FrameType
from typing import Literal

STOP_SECONDS = 60.0
"""How long a worker may take to end its step before it is killed; its cells are then free at once."""
WORKER = "DREAMTUNER__WORKER"
"""The variable that holds a worker's number among those of its run on this machine."""
ORPHAN_SECONDS = 20.0
"""How long a worker whose parent has died may take to store its images."""


class LocalHelper:
    """A process that fine-tunes for a run and generates its cells; number 1 and up.

    Of several GPUs each worker has one, in turn. On a CPU they share the cores.
    """

    def __init__(self, run_id: str, number: int, workers: int, device: str) -> None:
        environment = os.environ | _share(number, workers, device) | {WORKER: str(number)}
        # its messages belong to the log, as stdout may be read by a machine
        self._process = subprocess.Popen(
            [sys.executable, "-m", "flows.generate", run_id], env=environment, stdin=subprocess.PIPE, stdout=2
        )

    def state(self) -> Literal["at work", "ended", "died"]:
        """Return what became of it; it died if its exit code is not 0."""
        code = self._process.poll()
        return "at work" if code is None else "died" if code else "ended"

    def why(self) -> str | None:
        """Return nothing: the log has its messages."""
        return None

    def dismiss(self) -> None:
        """End it: whatever it could generate is there."""
        self.stop()

    def stop(self) -> None:
        """End it after its current step."""
        assert self._process.stdin is not None
        self._process.stdin.close()
        try:
            self._process.wait(STOP_SECONDS)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()


def _share(number: int, workers: int, device: str) -> dict[str, str]:
    """Return the variables that give a worker its part of the machine."""
    if device == "cuda":
        import torch

        return {"DREAMTUNER_DEVICE": f"cuda:{number % torch.cuda.device_count()}"}
    cores = len(os.sched_getaffinity(0))
    return {} if device != "cpu" else {"OMP_NUM_THREADS": str(max(1, cores // workers))}


def _interrupt(number: int, frame: FrameType | None) -> None:
    raise KeyboardInterrupt(signal.Signals(number).name)


def _end_with_parent() -> None:
    os.read(0, 1)
    os.kill(os.getpid(), signal.SIGTERM)
    time.sleep(ORPHAN_SECONDS)
    os._exit(1)  # Prefect waits for minutes for the server that died with the parent


def work_for_parent(generate: Callable[[], object]) -> None:
    """Call `generate` as the work of this process, until it ends or the parent does."""
    signal.signal(signal.SIGTERM, _interrupt)
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C reaches the whole group: the parent decides
    threading.Thread(target=_end_with_parent, daemon=True).start()
    try:
        generate()
    except KeyboardInterrupt:
        return
