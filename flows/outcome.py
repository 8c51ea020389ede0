"""How a flow ends that could not do all that was asked: Failed in Prefect, in our own words, its result at hand."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, TypeVar, cast

from prefect import State
from prefect.states import Failed

T = TypeVar("T")
MOST = 3  # reasons that one sentence names


class IncompleteError(RuntimeError):
    """A flow that came to its end without all that was asked of it. `result`: what it came to."""

    def __init__(self, reason: str, result: Any) -> None:
        super().__init__(reason, result)
        self.reason, self.result = reason, result

    def __str__(self) -> str:
        return self.reason


@dataclass(frozen=True)
class CellOutcomes:
    """What became of claimed cells, by digest. A cell that another run held is in none of the three.

    `blocked` maps cells that this worker could not make, by no fault of theirs, to the reason: they are planned still.
    """

    made: tuple[str, ...]
    failed: tuple[str, ...]
    blocked: Mapping[str, str] = field(default_factory=dict)

    @property
    def claimed(self) -> int:
        """How many cells this process could work on."""
        return len(self.made) + len(self.failed) + len(self.blocked)


def completed_or_failed(result: T, reason: str | None) -> T:
    """Return what a flow has to return: `result`, or with a `reason` a Failed state that says it and carries `result`.

    The state is named Failed like any other: automations listen for that name, ours for the dead among them.
    """
    return result if reason is None else cast(T, Failed(message=reason, data=IncompleteError(reason, result)))


def result_of(flow: Callable[[], T]) -> T:
    """Call a flow for its result, be that all that was asked or not."""
    try:
        result = flow()
    except IncompleteError as error:
        return cast(T, error.result)
    if isinstance(result, State):  # called without Prefect's engine
        return cast(T, result.data.result)  # type: ignore[union-attr]
    return result


def summarise_reasons(what: str, reasons: Sequence[str]) -> str:
    """One sentence of what is missing and why; of many reasons the first few, each in one line."""
    named = [" ".join(one.split()) for one in reasons[:MOST]]
    more = [f"and {len(reasons) - MOST} more reasons"] if len(reasons) > MOST else []
    return f"{what}: {'; '.join(named + more)}" if named else what
