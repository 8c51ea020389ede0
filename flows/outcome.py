"""Ends a flow that is only partly successful: Failed in Prefect, with a readable reason and its result."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, TypeVar, cast

from prefect import State
from prefect.states import Failed

T = TypeVar("T")
MOST = 3  # reasons named in one sentence


class IncompleteError(RuntimeError):
    """A flow ended with part of its work missing. `result`: its result nevertheless."""

    def __init__(self, reason: str, result: Any) -> None:
        super().__init__(reason, result)
        self.reason, self.result = reason, result

    def __str__(self) -> str:
        return self.reason


@dataclass(frozen=True)
class CellOutcomes:
    """The outcomes of claimed cells, by digest. A cell leased by another run is in none of the three.

    `blocked` maps cells that this worker could not make, by no fault of theirs, to the reason: they are planned still.
    """

    made: tuple[str, ...]
    failed: tuple[str, ...]
    blocked: Mapping[str, str] = field(default_factory=dict)

    @property
    def claimed(self) -> int:
        """Return how many cells this process could claim."""
        return len(self.made) + len(self.failed) + len(self.blocked)


def completed_or_failed(result: T, reason: str | None) -> T:
    """Return the return value of a flow: `result`, or with a `reason` a Failed state with that message and `result`.

    The state keeps Prefect's name Failed, which automations listen for, ours for dead flow runs among them.
    """
    return result if reason is None else cast(T, Failed(message=reason, data=IncompleteError(reason, result)))


def result_of(flow: Callable[[], T]) -> T:
    """Call a flow and return its result, complete or not."""
    try:
        result = flow()
    except IncompleteError as error:
        return cast(T, error.result)
    if isinstance(result, State):  # called without Prefect's engine
        return cast(T, result.data.result)  # type: ignore[union-attr]
    return result


def summarise_reasons(what: str, reasons: Sequence[str]) -> str:
    """Return one sentence of what is missing and why, with the first few reasons."""
    named = [" ".join(one.split()) for one in reasons[:MOST]]
    more = [f"and {len(reasons) - MOST} more reasons"] if len(reasons) > MOST else []
    return f"{what}: {'; '.join(named + more)}" if named else what
