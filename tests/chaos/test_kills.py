"""Workers killed at random instants and started again, alone and among others."""

import random
import time
from collections.abc import Callable
from typing import Any

import pytest

from tests.chaos.conftest import Grid, assert_whole

Grids = Callable[..., Grid]
SHORT, LONG = 2, 60


def places(kind: str, request: pytest.FixtureRequest, number: int) -> dict[str, Any]:
    """A catalog and a store of their own, in files or in servers."""
    if kind == "files":
        return {}
    request.getfixturevalue("s3")
    return {
        "catalog": request.getfixturevalue("new_database")("migrated"),
        "store": f"s3://pictures/{request.node.nodeid.encode().hex()[-16:]}{number}",
    }


@pytest.mark.slow
@pytest.mark.parametrize("kills", [SHORT, pytest.param(LONG, marks=pytest.mark.chaos_long)])
@pytest.mark.parametrize("kind", ["files", "servers"])
def test_a_worker_is_killed_at_random_instants(
    kind: str, kills: int, grids: Grids, undisturbed: Callable[[], dict[str, str]], request: pytest.FixtureRequest
) -> None:
    expected = undisturbed()
    chance, done, number = random.Random(kills), 0, 0
    while done < kills:
        grid = grids(**places(kind, request, number := number + 1))
        while done < kills:
            worker = grid.start(0.01)
            worker.join(chance.uniform(0, 1.5))
            if worker.exitcode is not None:
                break  # it came to its end: the next grid
            worker.kill()
            worker.join()
            done += 1
        grid.finish()
        assert_whole(grid, expected)


@pytest.mark.parametrize("workers", [2, 4])
@pytest.mark.parametrize("kind", ["files", "servers"])
@pytest.mark.slow
def test_workers_share_a_grid_and_one_after_the_other_is_killed(
    kind: str, workers: int, grids: Grids, undisturbed: Callable[[], dict[str, str]], request: pytest.FixtureRequest
) -> None:
    expected, chance = undisturbed(), random.Random(workers)
    grid = grids(**places(kind, request, 0))
    crew = [grid.start(0.02) for _ in range(workers)]
    for victim in crew[1:]:
        time.sleep(chance.uniform(0.2, 0.8))
        victim.kill()
        victim.join()
    crew[0].join(120)
    assert crew[0].exitcode == 0, grid.log()[-3000:]
    assert_whole(grid, expected)
