"""Locks a device for one fine-tuning, or preparation of training images, at a time on this machine.

An operating system lock, not a Prefect limit: a Prefect server holds the leases of its limits in memory, so where the
server ends with its run, as under the command line, a killed run would occupy its slot for ever.
"""

import fcntl
import os
import re
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from flows.execution.crew.local_worker import WORKER
from flows.progress import Stage, report_progress

POLL_SECONDS = 1.0


def lock_file(device: str) -> Path:
    """Return the lock file of a device, one per user: dreamtuner-0-cuda-0.lock; depends on the visible GPUs.

    The workers of one run on this machine share its cores, and each has a part of the CPU to lock.
    """
    part = os.environ.get("CUDA_VISIBLE_DEVICES", "") if device.startswith("cuda") else os.environ.get(WORKER, "")
    words = re.findall("[a-z0-9]+", f"{os.getuid()} {device} {part}".lower())
    return Path(tempfile.gettempdir()) / f"dreamtuner-{'-'.join(words)}.lock"


@contextmanager
def locked_device(
    device: str, stage: Stage = "finetune", *, waiting: Callable[[], None] = lambda: None
) -> Iterator[None]:
    """Wait for the device, reported as the progress of `stage`, and lock it. A dying process releases it at once.

    `waiting`: called again and again meanwhile; what it raises ends the wait.
    """
    with lock_file(device).open("a") as lock:
        while True:
            try:
                fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
                break
            except BlockingIOError:
                report_progress(stage, 0, 1, f"waiting for another training on {device}")
                waiting()
                time.sleep(POLL_SECONDS)
        yield
