"""The command line in processes of their own that share one start: a parent imports what all need, and forks.

Each ends without taking its modules apart, which would take longer than most commands.
"""

import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

# Nothing that reads the environment when it is imported, as Prefect does: that is each command's own.
IMPORTED = ("alembic.command", "cv2", "pydantic", "rich.console", "sqlalchemy.orm", "torch", "yaml")
_PARENT = """
import atexit, gc, importlib, json, os, signal, sys

for name in json.loads(sys.argv[1]):
    importlib.import_module(name)
gc.freeze()
for line in sys.stdin:
    asked = json.loads(line)
    child = os.fork()
    if not child:
        signal.alarm(120)
        for number, path in enumerate((os.devnull, asked["out"], asked["err"])):
            os.dup2(os.open(path, os.O_RDONLY if number == 0 else os.O_WRONLY), number)
        os.environ.clear()
        os.environ.update(asked["environment"])
        sys.argv = ["dreamtuner", *asked["words"]]
        from deploy.cli.main import main

        try:
            main()
        except SystemExit as end:
            atexit._run_exitfuncs()
            sys.stdout.flush()
            sys.stderr.flush()
            os._exit(end.code if isinstance(end.code, int) else 0 if end.code is None else 1)
    print(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]), flush=True)
"""


class Commands:
    """Runs commands; `run` is like subprocess.run of the same words."""

    def __init__(self, parent: subprocess.Popen[str], folder: Path) -> None:
        self._parent, self._out, self._err = parent, folder / "out", folder / "err"

    def run(self, environment: dict[str, str], words: Sequence[str]) -> subprocess.CompletedProcess[str]:
        self._out.write_bytes(b"")
        self._err.write_bytes(b"")
        asked = {"words": list(words), "environment": environment, "out": str(self._out), "err": str(self._err)}
        assert self._parent.stdin is not None
        assert self._parent.stdout is not None
        print(json.dumps(asked), file=self._parent.stdin, flush=True)
        code = int(self._parent.stdout.readline())
        return subprocess.CompletedProcess(words, code, self._out.read_text(), self._err.read_text())


@contextmanager
def commands() -> Iterator[Commands]:
    command = [sys.executable, "-c", _PARENT, json.dumps(IMPORTED)]
    environment = os.environ | {"PYTHONPATH": str(Path(__file__).resolve().parents[2])}
    pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE}
    with (
        tempfile.TemporaryDirectory() as folder,
        subprocess.Popen(command, env=environment, text=True, **pipes) as parent,
    ):
        yield Commands(parent, Path(folder))
        parent.stdin.close()  # type: ignore[union-attr]
