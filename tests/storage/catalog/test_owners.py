import os
import signal
from collections.abc import Callable
from subprocess import Popen

import pytest

from storage.catalog import owners

SAY_WHO = "from storage.catalog.owners import this_owner; print(this_owner(), flush=True); input()"


def owner_of(process: Popen[str]) -> str:
    assert process.stdout is not None
    return process.stdout.readline().strip()


def test_an_owner_is_the_process_and_is_not_gone() -> None:
    assert owners.this_owner() == owners.this_owner()
    assert f":{os.getpid()}:" in owners.this_owner()
    assert not owners.is_gone(owners.this_owner())


def test_a_killed_process_is_gone_even_before_it_is_reaped(python: Callable[..., Popen[str]]) -> None:
    process = python(SAY_WHO)
    owner = owner_of(process)
    assert not owners.is_gone(owner)
    process.send_signal(signal.SIGKILL)
    os.waitid(os.P_PID, process.pid, os.WEXITED | os.WNOWAIT)  # dead, and a zombie still
    assert owners.is_gone(owner)
    process.wait()
    assert owners.is_gone(owner)


def test_a_recycled_process_number_is_not_mistaken_for_its_former_holder() -> None:
    host, pid, token = owners.this_owner().split(":")
    assert owners.is_gone(f"{host}:{pid}:{token}0")


@pytest.mark.parametrize(
    "owner", ["elsewhere:1:x", "", "me", "a:b:c", "{host}:1", "{host}:x:y", "{host}:999999:unknown"]
)
def test_of_others_nothing_is_said(owner: str) -> None:
    assert not owners.is_gone(owner.format(host=owners.this_owner().split(":")[0]))


def test_a_forked_child_is_another_owner() -> None:
    read, write = os.pipe()
    child = os.fork()
    if child == 0:
        os.write(write, owners.this_owner().encode())
        os._exit(0)
    os.waitpid(child, 0)
    assert os.read(read, 1000).decode() != owners.this_owner()
    os.close(read)
    os.close(write)
