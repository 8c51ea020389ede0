"""Who generates a run: by the order, the spec, and the pool that the flow run is of."""

from types import SimpleNamespace
from typing import Any
from uuid import uuid4

import pytest

import flows.execution.crew.hire as hire
from flows.execution.crew.hire import Hiring
from flows.execution.crew.pool_worker import GeneratePool

HERE: Any = SimpleNamespace(device="cpu")
ELSEWHERE, OURS = (GeneratePool(uuid4(), "dreamtuner-gpu", ours) for ours in (False, True))


@pytest.mark.parametrize(
    ("pool", "asked", "stated", "here", "count"),
    [
        (None, None, None, True, 1),
        (None, 2, None, False, 2),
        (None, None, 3, False, 3),
        (None, 1, 3, True, 1),
        (None, 0, None, True, 1),
        (ELSEWHERE, None, None, False, 0),
        (ELSEWHERE, None, 4, False, 4),
        (ELSEWHERE, 0, 4, False, 0),
        (ELSEWHERE, 1, None, False, 1),
        (OURS, None, None, True, 1),
        (OURS, 3, None, True, 3),
        (OURS, 0, None, True, 1),
    ],
)
def test_the_order_precedes_the_spec_and_a_worker_of_the_pool_generates_itself(
    pool: GeneratePool | None,
    asked: int | None,
    stated: int | None,
    here: bool,
    count: int,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(hire, "generate_pool", lambda: pool)
    found = Hiring.decide(asked, stated, HERE)
    assert (found.here, found.count, found.pool) == (here, count, pool)


def test_of_several_gpus_auto_takes_each(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(hire, "generate_pool", lambda: None)
    monkeypatch.setattr("torch.cuda.device_count", lambda: 4)
    gpus: Any = SimpleNamespace(device="cuda")
    assert Hiring.decide(0, None, gpus) == Hiring(here=False, count=4)
