"""Helpers of a run: kept at work while a block runs, replaced when they die, ended with it."""

import time
from collections.abc import Callable

import pytest

from flows.execution.crew.crew import REPLACEMENTS, State, helped
from flows.execution.handed_back import HandedBack


class Hand:
    """A helper that is told what to say."""

    def __init__(self, number: int) -> None:
        self.number, self.says, self.end = number, "at work", ""

    def state(self) -> State:
        return self.says  # type: ignore[return-value]

    def why(self) -> str | None:
        return f"{self.number} {self.says}"

    def dismiss(self) -> None:
        self.end += "dismissed"

    def stop(self) -> None:
        self.end += "stopped"


def until(found: Callable[[], bool]) -> None:
    deadline = time.monotonic() + 30
    while not found():
        assert time.monotonic() < deadline
        time.sleep(0.01)


@pytest.fixture
def hands() -> list[Hand]:
    return []


def hire(hands: list[Hand]) -> Callable[[int], Hand]:
    def start(number: int) -> Hand:
        hands.append(Hand(number))
        return hands[-1]

    return start


def test_who_dies_is_replaced_a_few_times_and_who_ends_is_not(hands: list[Hand]) -> None:
    with helped(hire(hands), lambda: 2, poll_seconds=0.01):
        until(lambda: len(hands) == 2)
        hands[0].says = "ended"
        for died in range(1, REPLACEMENTS + 1):
            hands[died].says = "died"
            until(lambda: len(hands) == 2 + died)  # noqa: B023
        hands[-1].says = "died"
        time.sleep(0.1)
    assert [hand.number for hand in hands] == [1, 2, *[2] * REPLACEMENTS]
    assert {hands[0].end, hands[-1].end} == {"dismissed"}


def test_an_error_stops_all(hands: list[Hand]) -> None:
    def work() -> None:
        with helped(hire(hands), lambda: 2, poll_seconds=0.01):
            until(lambda: len(hands) == 2)
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        work()
    assert [hand.end for hand in hands] == ["stopped", "stopped"]


def test_without_helpers_the_block_runs_alone_and_one_that_cannot_start_is_tried_again() -> None:
    with helped(lambda number: pytest.fail("started"), lambda: 0) as crew:
        assert not crew.idle
    tries: list[int] = []

    def start(number: int) -> Hand:
        tries.append(number)
        raise OSError("no process")

    with helped(start, lambda: 1, poll_seconds=0.01):
        until(lambda: len(tries) > 1)


def test_more_are_hired_when_more_can_work_and_those_at_work_are_counted(hands: list[Hand]) -> None:
    adopted, room = Hand(0), [1]
    with helped(hire(hands), lambda: room[0], [adopted], poll_seconds=0.01) as crew:
        time.sleep(0.1)
        assert hands == []
        room[0] = 3
        until(lambda: len(hands) == 2)
        room[0] = 1
        assert not crew.idle
        for hand in (adopted, *hands):
            hand.says = "ended"
        until(lambda: crew.idle)
        assert crew.why() == "0 ended"


def test_who_dies_too_often_leaves_an_idle_crew(hands: list[Hand]) -> None:
    def start(number: int) -> Hand:
        hands.append(Hand(number))
        hands[-1].says = "died"
        return hands[-1]

    with helped(start, lambda: 1, poll_seconds=0.01) as crew:
        until(lambda: crew.idle)
    assert len(hands) == 1 + REPLACEMENTS


def test_a_run_that_is_handed_back_leaves_its_helpers_at_work(hands: list[Hand]) -> None:
    def work() -> None:
        with helped(hire(hands), lambda: 1, poll_seconds=0.01):
            until(lambda: len(hands) == 1)
            raise HandedBack("SIGTERM")

    with pytest.raises(HandedBack):
        work()
    assert [hand.end for hand in hands] == [""]
