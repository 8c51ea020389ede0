"""How many requests of one person are worked on at once, so that one program does not take the whole server."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager

from starlette.requests import Request

from deploy.dashboard.access.rights import Person
from deploy.dashboard.api.problems import ProblemError

AT_ONCE = 8


@contextmanager
def turn(request: Request, person: Person) -> Iterator[None]:
    """Hold one of the person's turns. Raises ProblemError 429 if all are taken. Used in the event loop alone."""
    state = request.app.state
    if not hasattr(state, "turns"):
        state.turns = Counter()
    taken: Counter[int] = state.turns
    if taken[person.user_id] >= AT_ONCE:
        said = f"{AT_ONCE} requests of {person.name} are being worked on; wait for one of them to be answered"
        raise ProblemError(429, said, {"Retry-After": "1"})
    taken[person.user_id] += 1
    try:
        yield
    finally:
        taken[person.user_id] -= 1
        if not taken[person.user_id]:
            del taken[person.user_id]
