"""Grids to disturb, processes to kill, servers to take away; and what has to hold after all of it."""

import multiprocessing
import os
import time
from collections import Counter
from collections.abc import Callable, Iterator
from multiprocessing.context import ForkServerProcess
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from PIL import Image, ImageDraw
from sqlalchemy import select

from storage.catalog import Catalog, views
from storage.catalog.schema import Cell, LineageEvent, Output
from storage.maintenance.verify import Finding, verify
from storage.objects import open_store
from tests.chaos import grid
from tests.storage.conftest import new_database, postgres, s3, s3_server

__all__ = ["new_database", "postgres", "s3", "s3_server"]

_processes = multiprocessing.get_context("forkserver")
_processes.set_forkserver_preload(["tests.chaos.grid"])


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """The long forms are marked chaos_long by their parameter, and chaos, as are all but the short ones of files."""
    for item in items:
        if Path(str(item.path)).parent == Path(__file__).parent and not _brief(item):
            item.add_marker(pytest.mark.chaos)


def _brief(item: pytest.Item) -> bool:
    """Whether it is short enough for `make test-slow`: two workers, a few kills, a catalog and a store in files."""
    given: dict[str, object] = getattr(item, "callspec", SimpleNamespace(params={})).params
    return given.get("kind") == "files" and given.get("workers", 2) == 2 and not item.get_closest_marker("chaos_long")


class Grid:
    """A spec, and one home, catalog and store to make it in."""

    def __init__(self, folder: Path, catalog: str = "", store: str = "", seeds: int = 12, lease: float = 600) -> None:
        self.folder, self.acks = folder, folder / "acks"
        folder.mkdir(parents=True, exist_ok=True)
        self.catalog_url = catalog or f"sqlite:///{folder}/home/catalog.db"
        self.store_url = store or str(folder / "home" / "objects")
        self.environment = {
            "DREAMTUNER_HOME": str(folder / "home"),
            "DREAMTUNER_CATALOG_URL": self.catalog_url,
            "DREAMTUNER_STORE_URL": self.store_url,
            "DREAMTUNER_CHUNK_CELLS": "8",
            "DREAMTUNER_LEASE_SECONDS": str(lease),
        }
        self.spec = _spec(folder, seeds)
        self.running: list[ForkServerProcess] = []

    def start(self, seconds: float = 0.002, **environment: str) -> ForkServerProcess:
        """A process that carries out the spec, a picture in `seconds`."""
        bucket = {name: value for name, value in os.environ.items() if name.startswith("AWS_")}
        arguments = (bucket | self.environment | environment, self.spec, str(self.acks), seconds)
        process = _processes.Process(target=grid.work, args=arguments, daemon=True)
        process.start()
        self.running.append(process)
        return process

    def finish(self, seconds: float = 0.0, *, attempts: int = 5) -> None:
        """Carry it out to the end; a process that gives up on a server that is down is started again."""
        for _ in range(attempts):
            process = self.start(seconds)
            process.join(300)
            if process.exitcode == 0:
                return
        pytest.fail(f"not finished in {attempts} attempts:\n{self.log()[-3000:]}")

    def log(self) -> str:
        return Path(f"{self.acks}.log").read_text()

    def pictures(self) -> dict[str, str]:
        """Digest of each generated cell to that of its bytes."""
        with self.catalog() as catalog, catalog.read() as s:
            chosen = select(Cell.digest, Output.image_sha256).join(Output, Output.cell_id == Cell.id)
            return dict(s.execute(chosen.where(Cell.state == "generated")).all())

    def catalog(self) -> Catalog:
        return Catalog.open(self.catalog_url)

    def kill(self) -> None:
        """What is left of our processes."""
        for process in self.running:
            process.kill()
            process.join()


def _spec(folder: Path, seeds: int) -> dict[str, Any]:
    """Two subjects cut out by hand, two prompts."""
    for name, colour in (("pip", "red"), ("momo", "purple")):
        image = Image.new("RGBA", (64, 64), (0, 0, 0, 0))
        ImageDraw.Draw(image).ellipse((16, 6, 48, 60), fill=colour)
        image.save(folder / f"{name}.png")
    return {
        "name": "chaos",
        "subjects": [
            {"name": name, "class_word": "bear", "reference": str(folder / f"{name}.png")} for name in ("pip", "momo")
        ],
        "prompts": ["a {subject} on the beach", "a {subject} in the snow"],
        "seeds": list(range(seeds)),
        "score": [],
    }


@pytest.fixture
def grids(tmp_path: Path) -> Iterator[Callable[..., Grid]]:
    """Makes grids, each in a home of its own; their processes end with the test."""
    made: list[Grid] = []

    def make(**given: Any) -> Grid:
        made.append(Grid(tmp_path / f"grid-{len(made)}", **given))
        return made[-1]

    yield make
    for one in made:
        one.kill()


@pytest.fixture
def undisturbed(grids: Callable[..., Grid]) -> Callable[[int], dict[str, str]]:
    """The pictures of a grid of so many seeds that nothing happened to."""

    def make(seeds: int = 12) -> dict[str, str]:
        quiet = grids(seeds=seeds)
        quiet.finish()
        return quiet.pictures()

    return make


def assert_whole(grid_: Grid, expected: dict[str, str], *, overtaken: bool = False) -> None:
    """Nothing acknowledged is lost, no cell is there twice, the pictures are those of an undisturbed run, all verifies.

    With `overtaken` a process lost its lease while it drew: two drew the same picture, and recorded it once.
    """
    assert grid_.pictures() == expected
    said = grid.acknowledged(grid_.acks)
    assert set(said) <= set(expected)
    assert overtaken or max(Counter(said).values(), default=0) <= 1, "a cell was kept twice"
    findings: list[Finding] = []
    with grid_.catalog() as catalog:
        verify(catalog, open_store(grid_.store_url), findings.append, settle_seconds=0)
        with catalog.read() as s:
            made = Counter(
                s.scalars(
                    select(LineageEvent.entity_id).where(
                        LineageEvent.entity == "cell", LineageEvent.event == "generated"
                    )
                )
            )
            assert s.scalars(select(Output.cell_id)).all() == list(dict.fromkeys(s.scalars(select(Output.cell_id))))
            status = views.status(s)
    assert findings == []
    assert made == Counter(expected.keys()), "a cell was recorded twice"
    assert status.cells["generated"] == len(expected) == sum(status.cells.values())


def wait_for(until: Callable[[], object], seconds: float, what: str) -> None:
    deadline = time.monotonic() + seconds
    while not until():
        assert time.monotonic() < deadline, f"waited {seconds:.0f} s for {what}"
        time.sleep(0.02)
