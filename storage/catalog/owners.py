"""Lease owners, "host:pid:start-token", so that a dead process of this machine is recognized."""

import os
import platform
import subprocess
from functools import cache
from pathlib import Path


def this_owner() -> str:
    """Return this process as an owner. Stable for the life of the process; a forked child is another owner."""
    pid = os.getpid()
    return f"{this_host()}:{pid}:{_start_token(pid) or 'unknown'}"


def is_gone(owner: str) -> bool:
    """Return whether `owner` ran on this machine and has certainly died.

    False for other hosts and malformed owner strings, whose leases have to expire.
    """
    host, _, rest = owner.partition(":")
    pid, _, token = rest.partition(":")
    if host != this_host() or not pid.isdecimal() or token in ("", "unknown"):
        return False
    return _start_token(int(pid)) != token


@cache
def this_host() -> str:
    """Return what the owners of this machine's processes begin with, up to the first colon.

    The host and, on Linux, the PID namespace: two containers may share a name, a volume and a PID.
    """
    name = platform.node().replace(":", "-") or "localhost"
    try:
        return f"{name}/{os.readlink('/proc/self/ns/pid').strip('pid:[]')}"
    except OSError:
        return name


def _start_token(pid: int) -> str | None:
    """Return when process `pid` started, to detect reused PIDs; None if no such process runs."""
    try:
        stat = Path(f"/proc/{pid}/stat").read_text()
        boot = Path("/proc/sys/kernel/random/boot_id").read_text()[:8]
    except (FileNotFoundError, ProcessLookupError):
        return None if Path("/proc/self/stat").exists() else _start_token_by_ps(pid)
    # proc(5): the name in parentheses may hold anything; after it come state (field 3) ... starttime (field 22).
    fields = stat[stat.rindex(")") + 2 :].split()
    return None if fields[0] in "ZXx" else f"{boot}-{fields[19]}"


def _start_token_by_ps(pid: int) -> str | None:
    """Return the same without /proc (macOS)."""
    shown = subprocess.run(["ps", "-o", "lstart=", "-p", str(pid)], capture_output=True, text=True, check=False)
    return "-".join(shown.stdout.split()).replace(":", ".") or None
