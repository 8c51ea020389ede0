"""One fine-tuning a device at a time, on this machine.

A lock of the operating system, not a limit of Prefect's: those are leases that a server holds in its memory, and where
a server ends with its run, as that of the command line does, a killed run would hold its slot for good.
"""

import fcntl
import os
import re
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from flows.progress import report_progress

POLL_SECONDS = 1.0


def lock_file(device: str) -> Path:
    """The device's file, one for every user: dreamtuner-0-cuda-0.lock. GPUs are told apart by which are visible."""
    visible = os.environ.get("CUDA_VISIBLE_DEVICES", "") if device.startswith("cuda") else ""
    words = re.findall("[a-z0-9]+", f"{os.getuid()} {device} {visible}".lower())
    return Path(tempfile.gettempdir()) / f"dreamtuner-{'-'.join(words)}.lock"


@contextmanager
def locked_device(device: str) -> Iterator[None]:
    """Wait for the device and hold it. A process that dies lets go of it at once."""
    with lock_file(device).open("a") as held:
        while True:
            try:
                fcntl.flock(held, fcntl.LOCK_EX | fcntl.LOCK_NB)
                break
            except BlockingIOError:
                report_progress("finetune", 0, 1, f"another fine-tuning has the device {device}")
                time.sleep(POLL_SECONDS)
        yield
