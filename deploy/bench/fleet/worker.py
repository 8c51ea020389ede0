"""A worker of the bench, `python -m deploy.bench.fleet.worker RUN SECONDS CHUNK`: says `ready`, waits, says `done`."""

import os
import sys
import tempfile
from pathlib import Path

from deploy.bench.waiting import Waiting


def work(run_id: str, seconds: float, chunk: int) -> None:
    """Generate the run's cells once the parent says so, after a small run that warms this process up."""
    from flows.settings import Settings

    settings = Settings.load()
    waiting = Waiting(chunk, 0.0, chunk)
    waiting.stand_in(settings)
    from flows.generate import generate

    with tempfile.TemporaryDirectory(dir=settings.home) as folder:
        generate(waiting.plan(settings, Path(folder), f"warm up {os.getpid()}", range(chunk)))
    waiting.seconds = seconds
    print("ready", flush=True)
    sys.stdin.readline()
    generate(run_id)
    print("done", flush=True)
    os._exit(0)


if __name__ == "__main__":
    work(sys.argv[1], float(sys.argv[2]), int(sys.argv[3]))
