"""One engine, one set of images and one stack for the tests that use them."""

import time
from collections.abc import Iterator

import pytest

from tests.containers.builds import Builder, pip_conf
from tests.containers.engine import Engine, engine
from tests.containers.records import timeline, write_logs
from tests.containers.stack import Stack, stack_of


@pytest.fixture(scope="session")
def docker() -> Iterator[Engine]:
    with engine() as found:
        yield found


@pytest.fixture(scope="session")
def builder(docker: Engine, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Builder]:
    folder = tmp_path_factory.mktemp("build")
    with pip_conf(folder) as conf:
        yield Builder(docker, conf, folder)


@pytest.fixture(scope="session")
def stack(docker: Engine, builder: Builder, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stack]:
    with stack_of(docker, builder, tmp_path_factory.mktemp("stack")) as found:
        try:
            yield found
        finally:
            print(f"the containers' logs: {write_logs(found)}")


@pytest.fixture(scope="session")
def began(stack: Stack) -> float:
    """Start the stack, with the demo submitted; return when, on the monotonic clock."""
    start = time.monotonic()
    stack.compose("--profile", "demo", "up", "--detach", "--no-build")
    print(f"\n`up` returned after {time.monotonic() - start:.0f} s")
    return start


@pytest.fixture(scope="session")
def up(stack: Stack, began: float) -> Stack:
    """The stack with the demo generated."""
    _, state = stack.until_run("completed", "failed", "crashed", "cancelled")
    print(f"\nthe demo's run was {state} after {time.monotonic() - began:.0f} s\n{timeline(stack)}")
    assert state == "completed", stack.sql("SELECT reason FROM runs")
    return stack
