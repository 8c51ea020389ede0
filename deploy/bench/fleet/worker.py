"""A worker of the bench, `python -m deploy.bench.fleet.worker RUN SECONDS CHUNK`: says `ready`, waits, says `done`.

Behind `done` stand the reference passes that it made, and its seconds of CPU.
"""

import os
import sys
import tempfile
import time
from pathlib import Path

from deploy.bench.waiting import Waiting


def work(run_id: str, seconds: float, chunk: int) -> None:
    """Generate the run's cells once the parent says so, after a small run that warms this process up."""
    from flows.settings import Settings

    settings = Settings.load()
    waiting = Waiting(chunk, 0.0, chunk)
    waiting.stand_in(settings)
    from flows.generate import generate
    from flows.resources import Resources
    from storage.catalog import writes

    with tempfile.TemporaryDirectory(dir=settings.home) as folder:
        generate(small := waiting.plan(settings, Path(folder), f"warm up {os.getpid()}", chunk))
    with Resources.open(settings).catalog.write() as s:
        writes.finish_run(s, small, "completed")
    waiting.reset()
    waiting.seconds = seconds
    print("ready", flush=True)
    sys.stdin.readline()
    cpu = time.process_time()
    generate(run_id)
    print("done", waiting.passes, time.process_time() - cpu, flush=True)
    os._exit(0)


if __name__ == "__main__":
    work(sys.argv[1], float(sys.argv[2]), int(sys.argv[3]))
