"""Keeps further workers at a run while a block runs: starts them, replaces those that die, and ends them with it."""

import logging
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from typing import Literal, Protocol

from prefect.runtime import deployment

from flows.execution.crew.local_worker import LocalHelper
from flows.execution.crew.pool_worker import PoolHelper
from flows.resources import Resources
from storage.catalog import views

_log = logging.getLogger(__name__)

POLL_SECONDS = 1.0
REPLACEMENTS = 3
"""How often a helper is made up for: one that dies of the work would die for ever."""
State = Literal["at work", "ended", "died"]


class Helper(Protocol):
    """A further worker of a run. `ended`: by itself, because nothing is left that it can make."""

    def state(self) -> State:
        """Return what became of it."""
        ...

    def dismiss(self) -> None:
        """End it if it has not begun to work; the others end by themselves."""
        ...

    def stop(self) -> None:
        """End it after its current step; its unfinished cells return to planned."""
        ...


@contextmanager
def crew(resources: Resources, run_id: str, workers: int) -> Iterator[None]:
    """Generate a run's cells by `workers - 1` helpers while the block does, too.

    Within a deployment they are flow runs of the deployment `generate`, else processes of this machine. At the end of
    the block those at work are waited for; by an exception they are stopped.
    """
    if deployment.id:
        start: Callable[[int], Helper] = lambda number: PoolHelper(run_id)  # noqa: E731
    else:
        start = lambda number: LocalHelper(run_id, number, workers, resources.device)  # noqa: E731
    with helped(start, workers - 1):
        yield
        while workers > 1 and _generating(resources, run_id):
            time.sleep(POLL_SECONDS)


@contextmanager
def helped(start: Callable[[int], Helper], count: int, *, poll_seconds: float = POLL_SECONDS) -> Iterator[None]:
    """Keep `count` helpers at work during the block. `start(number)`: starts one, numbered from 1."""
    done = threading.Event()
    helpers: dict[int, Helper] = {}
    watch = threading.Thread(target=_keep, args=(helpers, start, count, done, poll_seconds), name="crew", daemon=True)
    if count > 0:
        watch.start()
    try:
        yield
    except BaseException:
        _end(done, watch)
        _at_once([helper.stop for helper in helpers.values()])
        raise
    _end(done, watch)
    _at_once([helper.dismiss for helper in helpers.values()])


def _keep(
    helpers: dict[int, Helper], start: Callable[[int], Helper], count: int, done: threading.Event, poll_seconds: float
) -> None:
    """Start `count` helpers and replace those that die, until `done`."""
    left = dict.fromkeys(range(1, count + 1), REPLACEMENTS)
    while True:
        for number in left:
            if number not in helpers:
                _quietly(lambda n=number: helpers.__setitem__(n, start(n)))  # type: ignore[misc]
            elif left[number] and _quietly(helpers[number].state) == "died":
                left[number] -= 1
                _log.warning("worker %d of the run died; another is started", number)
                del helpers[number]
        if done.wait(poll_seconds):
            return


def _end(done: threading.Event, watch: threading.Thread) -> None:
    done.set()
    if watch.ident is not None:
        watch.join()


def _at_once(calls: Sequence[Callable[[], None]]) -> None:
    """Make all calls at the same time: each may wait for a worker's step."""
    if calls:
        with ThreadPoolExecutor(len(calls)) as pool:
            list(pool.map(_quietly, calls))


def _quietly(call: Callable[[], object]) -> object:
    """Call; log an error instead of raising it: without helpers the run is only slower."""
    try:
        return call()
    except Exception as error:
        _log.warning("a worker of the run could not be managed: %s: %s", type(error).__name__, error)
        return None


def _generating(resources: Resources, run_id: str) -> bool:
    def read() -> bool:
        with resources.catalog.read() as s:
            return views.poll_run(s, run_id, most=1).generating > 0

    return resources.patience().retry(read)
