"""Keeps workers at a run while a block runs: starts them, replaces those that die, and ends them with it."""

import logging
import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from typing import Literal, Protocol

from flows.execution.handed_back import is_handed_back

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

    def why(self) -> str | None:
        """Return why it ended or died, if it said so."""
        ...

    def dismiss(self) -> None:
        """End it if it has not begun to work; the others end by themselves."""
        ...

    def stop(self) -> None:
        """End it after its current step; its unfinished cells return to planned."""
        ...


class Crew:
    """The helpers of a run, by number, and how often each may still be replaced.

    `wanted`: how many there should be, asked again at every look; who is at work stays when it falls.
    """

    def __init__(
        self, start: Callable[[int], Helper], wanted: Callable[[], int], adopted: Sequence[Helper] = ()
    ) -> None:
        self._start, self._wanted = start, wanted
        self.helpers: dict[int, Helper] = dict(enumerate(adopted, 1))
        self._left: dict[int, int] = dict.fromkeys(self.helpers, REPLACEMENTS)
        self._idle = False

    def keep(self) -> None:
        """Start the helpers that are wanted, and replace those that died."""
        wanted = _quietly(self._wanted)
        if isinstance(wanted, int):
            for number in range(1, wanted + 1):
                self._left.setdefault(number, REPLACEMENTS)
        at_work = False
        for number in self._left:
            if number not in self.helpers:
                _quietly(lambda n=number: self.helpers.__setitem__(n, self._start(n)))  # type: ignore[misc]
                at_work = True
                continue
            state = _quietly(self.helpers[number].state)
            if state == "died" and self._left[number]:
                self._left[number] -= 1
                _log.warning("worker %d of the run died; another is started", number)
                del self.helpers[number]
            at_work |= state not in ("ended", "died") or number not in self.helpers
        self._idle = bool(self._left) and not at_work

    @property
    def idle(self) -> bool:
        """Return whether none is at work any more, and none will be: all have ended, or died too often."""
        return self._idle

    def why(self) -> str | None:
        """Return the first reason that a helper gave for its end."""
        said = (_quietly(helper.why) for helper in list(self.helpers.values()))
        return next((str(one) for one in said if one), None)


@contextmanager
def helped(
    start: Callable[[int], Helper],
    wanted: Callable[[], int],
    adopted: Sequence[Helper] = (),
    *,
    poll_seconds: float = POLL_SECONDS,
) -> Iterator[Crew]:
    """Keep `wanted()` helpers at work during the block. `start(number)`: starts one, numbered from 1.

    `adopted`: those that are at work already. An exception of the block stops all, except one by which the flow run is
    handed back to be continued elsewhere: they go on meanwhile.
    """
    crew, done = Crew(start, wanted, adopted), threading.Event()

    def watch() -> None:
        while True:
            crew.keep()
            if done.wait(poll_seconds):
                return

    watching = threading.Thread(target=watch, name="crew", daemon=True)
    watching.start()
    try:
        yield crew
    except BaseException as error:
        done.set()
        watching.join()
        if not is_handed_back(error):
            _at_once(crew.helpers, lambda helper: helper.stop())
        raise
    done.set()
    watching.join()
    _at_once(crew.helpers, lambda helper: helper.dismiss())


def _at_once(helpers: Mapping[int, Helper], call: Callable[[Helper], None]) -> None:
    """Call for all helpers at the same time: each call may wait for a worker's step."""
    if helpers:
        with ThreadPoolExecutor(min(len(helpers), 32)) as pool:
            list(pool.map(lambda helper: _quietly(lambda: call(helper)), helpers.values()))


def _quietly(call: Callable[[], object]) -> object:
    """Call; log an error instead of raising it: without helpers the run is only slower."""
    try:
        return call()
    except Exception as error:
        _log.warning("a worker of the run could not be managed: %s: %s", type(error).__name__, error)
        return None
