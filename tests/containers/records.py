"""What a stack leaves behind to read: the logs of its containers, and when each began and ended."""

import json
from datetime import datetime
from pathlib import Path
from typing import Any

from tests.containers.stack import Stack


def write_logs(stack: Stack) -> Path:
    """Write the log of each container into a file of the stack's folder; return the folder."""
    folder = stack.folder / "logs"
    folder.mkdir(exist_ok=True)
    for one in _inspected(stack):
        done = stack.docker.ask("logs", "--timestamps", one["Id"])
        (folder / f"{_service(one)}.log").write_text(done.stdout + done.stderr)
    return folder


def timeline(stack: Stack) -> str:
    """Each container in a line, in seconds since the first was created: one starts when those before it are healthy."""
    found = _inspected(stack)
    first = min(_seconds(one["Created"]) for one in found)
    lines = [f"{'seconds since the start':24}{'started':>8}{'ended':>8}{'CPU s':>8}"]
    for one in sorted(found, key=lambda one: _seconds(one["State"]["StartedAt"])):
        state = one["State"]
        row: list[float | None] = [
            _seconds(state["StartedAt"]) - first,
            None if state["Running"] else _seconds(state["FinishedAt"]) - first,
            _processor_seconds(one["Id"]),
        ]
        lines.append(f"{_service(one):24}" + "".join(f"{'' if v is None else f'{v:.1f}':>8}" for v in row))
    return "\n".join(lines)


def _inspected(stack: Stack) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = json.loads(stack.docker.ask("inspect", *stack.containers()).stdout)
    return found


def _service(one: dict[str, Any]) -> str:
    return str(one["Config"]["Labels"]["com.docker.compose.service"])


def _seconds(time: str) -> float:
    """Parse RFC 3339 with nanoseconds, in UTC."""
    whole, _, rest = time.rstrip("Z").partition(".")
    fraction = rest.partition("+")[0]
    return datetime.fromisoformat(f"{whole}+00:00").timestamp() + float(f"0.{fraction or 0}")


def _processor_seconds(container: str) -> float | None:
    """Return the processor time of a running container by its cgroup, version 1 or 2; None where it has ended."""
    groups = Path("/sys/fs/cgroup")
    first, second = groups / f"cpuacct/docker/{container}", groups / f"system.slice/docker-{container}.scope"
    if first.exists():
        return int((first / "cpuacct.usage").read_text()) / 1e9
    if second.exists():
        words = dict(line.split() for line in (second / "cpu.stat").read_text().splitlines())
        return int(words["usage_usec"]) / 1e6
    return None
