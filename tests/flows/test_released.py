"""Digests and catalogs of released versions stay valid: nobody's pictures are made anew by an upgrade.

The files in `released/` were written once, by the code of their day. They are added to, never changed: where a test
here fails, the code is wrong.
"""

import json
import sqlite3
from collections.abc import Iterator
from pathlib import Path

import pytest

from flows.draw import recipe_of_row
from flows.plan import digest_of
from storage.catalog import Catalog, views
from tests.flows import released_plan

RELEASED = Path(__file__).parent / "released"


@pytest.fixture
def catalog(tmp_path: Path) -> Iterator[Catalog]:
    """A catalog as it was left by the version that made it."""
    file = tmp_path / "catalog.db"
    with sqlite3.connect(file) as database:
        database.executescript((RELEASED / "catalog.sql").read_text())
    database.close()
    with Catalog.open(f"sqlite:///{file}") as opened:
        yield opened


def test_every_digest_is_what_it_was(tmp_path: Path) -> None:
    released = json.loads((RELEASED / "digests.json").read_text())
    now = json.loads(json.dumps(released_plan.digests(tmp_path)))
    assert {kind: now[kind] for kind in released} == released


def test_a_released_catalog_holds_the_cells_of_the_same_plan(catalog: Catalog) -> None:
    for cells in released_plan.cells().values():
        with catalog.read() as s:
            rows = views.cells(s, [cell.digest for cell in cells])
        assert [recipe_of_row(row) for row in rows] == [cell.recipe for cell in {c.digest: c for c in cells}.values()]


def test_a_released_catalogs_trainings_are_asked_for_by_the_same_digest(catalog: Catalog) -> None:
    for settings in (released_plan.LORA, released_plan.FULL):
        for subject in (released_plan.PIP, released_plan.MOMO):
            recipe = released_plan.drawing(learnt=released_plan.tuning(settings)).training(subject)
            assert recipe is not None
            with catalog.read() as s:
                assert views.training(s, digest_of(recipe)).recipe == recipe
