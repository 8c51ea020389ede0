"""Digests and catalogs of released versions stay valid: nobody's pictures are made anew by an upgrade.

The files in `released/` were written once, by the code of their day. They are added to, never changed: where a test
here fails, the code is wrong.
"""

import json
import sqlite3
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any

import pytest
from pydantic import BaseModel, Field

from dreamtuner.settings.finetune import FineTuneConfig, Rates
from dreamtuner.settings.recipe_fields import Later, from_fields, to_fields, to_literal
from dreamtuner.settings.sampling import Sampling
from flows.execution.recipe_rows import recipe_of_row
from flows.planning.cells import digest_of
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


def _with_later_field(name: str) -> type:
    """One of the classes that are hashed, with a field more, whose default is not neutral."""
    later = Annotated[float, Later(0.0)]
    if name == "Sampling":

        class Sampling(released_plan.Sampling):
            rescale: later = Field(default=0.7)

        return Sampling
    if name == "FineTuneConfig":

        class FineTuneConfig(released_plan.FineTuneConfig):
            rescale: later = Field(default=0.7)

        return FineTuneConfig
    if name == "Context":

        @dataclass(frozen=True)
        class Context(released_plan.Context):
            rescale: later = 0.7

        return Context

    @dataclass(frozen=True)
    class FineTuned(released_plan.FineTuned):
        rescale: later = 0.7

    return FineTuned


CHANGED = {
    "Sampling": ("cells", "trainings", "measurements"),
    "FineTuneConfig": ("cells", "trainings", "measurements"),
    "Context": ("measurements",),
    "FineTuned": ("measurements",),
}
"""What hangs on each class that is hashed."""


@pytest.mark.parametrize("name", sorted(CHANGED))
def test_a_later_field_changes_no_digest_where_it_is_neutral(
    name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    released, larger = json.loads((RELEASED / "digests.json").read_text()), _with_later_field(name)
    for value in (0.0, 0.7):
        monkeypatch.setattr(released_plan, name, lambda *a, value=value, **kw: larger(*a, **kw, rescale=value))
        now = json.loads(json.dumps(released_plan.digests(tmp_path / str(value))))
        differ = [kind for kind in released if now[kind] != released[kind]]
        assert differ == ([] if value == 0.0 else [kind for kind in released if kind in CHANGED[name]])


def test_a_recipe_of_before_a_field_is_read_with_its_neutral_value() -> None:
    larger: Any = _with_later_field("Sampling")
    assert larger().rescale == 0.7
    assert from_fields(larger, released_plan.NATURAL).rescale == 0.0
    assert to_fields(from_fields(larger, released_plan.NATURAL)) == released_plan.NATURAL
    assert to_fields(from_fields(larger, released_plan.NATURAL | {"rescale": 0.5}))["rescale"] == 0.5


@pytest.mark.parametrize(
    ("model", "released"),
    [(Sampling, released_plan.NATURAL), (FineTuneConfig, released_plan.LORA), (Rates, released_plan.LORA["lr"])],
)
def test_a_new_setting_says_where_it_is_neutral(model: type[BaseModel], released: dict[str, Any]) -> None:
    for name in set(model.model_fields) - set(released):
        marks = [mark for mark in model.model_fields[name].metadata if isinstance(mark, Later)]
        assert marks, f"{model.__name__}.{name}: mark it with the value at which it changes nothing, Later(...)"
    assert set(released) <= set(model.model_fields)


def _released_repr(method: object) -> str:
    """The repr of a method when it was released: without the settings that were added later, and are neutral in it."""
    text = repr(method).replace("FineTuneConfig(", "FineTune(").replace(", printed=True)", ")")
    fields = FineTuneConfig.model_fields
    for name in set(fields) - set(released_plan.LORA):
        text = text.replace(f" {name}={fields[name].default!r},", "")
    return text


def test_the_notation_of_measurements_is_the_repr_that_they_were_hashed_by() -> None:
    methods = released_plan.methods()
    assert [to_literal(one) for one in methods] == [_released_repr(one) for one in methods]
    assert to_literal((1, "a'b", None, 1e-06, {"p_r": 0.4})) == repr((1, "a'b", None, 1e-06, {"p_r": 0.4}))
    with pytest.raises(TypeError, match="has no notation"):
        to_literal({1, 2})


def test_a_released_catalog_holds_the_cells_of_the_same_plan(catalog: Catalog) -> None:
    for kind, cells in released_plan.cells().items():
        if kind == released_plan.ALL_LAYERS:  # planned so since a later release
            continue
        with catalog.read() as s:
            rows = views.cells(s, [cell.digest for cell in cells])
        assert [recipe_of_row(row) for row in rows] == [cell.recipe for cell in {c.digest: c for c in cells}.values()]


def test_a_released_catalogs_trainings_are_asked_for_by_the_same_digest(catalog: Catalog) -> None:
    for settings in (released_plan.LORA, released_plan.FULL):
        for subject in (released_plan.PIP, released_plan.MOMO):
            recipe = released_plan.setup(learnt=released_plan.tuning(settings)).finetune_recipe(subject)
            assert recipe is not None
            with catalog.read() as s:
                assert views.training(s, digest_of(recipe)).recipe == recipe
