"""A worker of one run serves the others of the catalog in fair share, and only with models that it may use."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from types import SimpleNamespace

import pytest
from PIL import Image

import flows.execution.claims.wait_for_others
import flows.generate
from dreamtuner.models.licences import LicenceRecord
from dreamtuner.sampling.request import Cell
from flows.execution.claims.abilities import why_not
from flows.generate import generate
from flows.ingestion.store_subject import prepare_and_store
from flows.outcome import CellOutcomes, result_of
from flows.planning.cells import plan_cells
from flows.planning.preflight import preflight
from flows.resources import Resources
from flows.settings import Settings
from flows.spec.model import Spec
from flows.spec.subject import SubjectSpec
from flows.spec_run import record
from storage.catalog import views, writes
from storage.catalog.records import Priority
from tests.flows.test_generate import Draw, fake, picture

__all__ = ["fake"]
BIG, ORDER = 14, 6


@dataclass
class Runs:
    """The runs of a catalog, and what was generated: the seeds of each chunk, in order."""

    resources: Resources
    references: Path

    def plan(self, name: str, seeds: range, priority: Priority = "normal") -> str:
        pip = SubjectSpec(name=name, class_word="bear", reference=str(self.references / f"{name}.png"))
        spec = Spec(name=name, subjects=(pip,), prompts=("a {subject}",), seeds=tuple(seeds), score=())
        kept, ready = prepare_and_store(pip, self.resources), preflight(spec, self.resources)
        with self.resources.catalog.write() as s:
            run_id = writes.start_run(s, name=name, spec={}, flow_run_id=None, priority=priority)
        record(spec, self.resources, ready, run_id, [kept], plan_cells(spec, [kept.facts], ready.setup))
        return run_id

    def generated(self, run_id: str) -> int:
        with self.resources.catalog.read() as s:
            return views.counts_of_run(s, run_id).get("generated", 0)


@pytest.fixture
def others_leave(monkeypatch: pytest.MonkeyPatch) -> None:
    """What other workers hold is given back when it is waited for."""

    def sleep(_: float) -> None:
        with Resources.open().catalog.write() as s:
            writes.release_cells(s, writes.held_cells(s, "elsewhere:0:x"), owner="elsewhere:0:x")

    monkeypatch.setattr(flows.execution.claims.wait_for_others, "time", SimpleNamespace(sleep=sleep))


@pytest.fixture
def runs(settings: Settings, references: Path, monkeypatch: pytest.MonkeyPatch) -> Runs:
    monkeypatch.setenv("DREAMTUNER_CHUNK_CELLS", "2")
    monkeypatch.setattr(flows.generate, "generate_cells", flows.generate.generate_cells.fn)  # without Prefect
    return Runs(Resources.open(Settings.load()), references)


def made_in_order(
    runs: Runs, fake: Callable[[Draw], None], priority: Priority, others: int, size: int = BIG
) -> tuple[list[str], CellOutcomes]:
    """Generate a big run of `size` cells by one worker beside `others`; an order comes at the third chunk.

    Returns whose each chunk was, and the outcome.
    """
    big = runs.plan("pip", range(size))
    chunks: list[str] = []
    order: list[str] = []

    def draw(cells: Sequence[Cell]) -> list[Image.Image]:
        chunks.append("order" if cells[0].seed >= size else "big")
        if len(chunks) == 3:
            order.append(runs.plan("momo", range(size, size + ORDER), priority))
            with runs.resources.catalog.write() as s:
                for i in range(others):
                    writes.claim_next_cells(s, big, f"elsewhere:{i}:x", 600, most=1)
        return [picture(cell) for cell in cells]

    fake(draw)
    with runs.resources.catalog.read() as s:
        assert len(views.runs_at_work(s, but_by="")) == 1
    outcome = result_of(lambda: generate.fn(big))
    assert runs.generated(order[0]) >= chunks.count("order")
    return chunks, outcome


@pytest.mark.usefixtures("others_leave")
def test_an_order_is_made_at_once_by_one_of_two_workers(runs: Runs, fake: Callable[[Draw], None]) -> None:
    chunks, outcome = made_in_order(runs, fake, "normal", others=1)
    # the chunk at work and the one claimed ahead are finished first
    assert chunks[:7] == ["big"] * 4 + ["order"] * 3
    assert {*chunks[7:]} == {"big"}
    assert len(outcome.made) == BIG
    with runs.resources.catalog.read() as s:
        assert {one.name: len(views.made_by_run(s, one.id)) for one in views.recent_runs(s)} == {
            "pip": BIG,
            "momo": ORDER,
        }


@pytest.mark.slow
def test_a_worker_alone_divides_its_chunks_and_a_low_priority_still_moves(
    runs: Runs, fake: Callable[[Draw], None]
) -> None:
    chunks, _ = made_in_order(runs, fake, "low", others=0, size=48)
    first = chunks.index("order")
    assert first <= 5
    assert chunks[first + 1 :].count("big") > chunks.count("order") >= 2
    assert "order" in chunks[first + 1 :]


@pytest.mark.slow
def test_a_worker_claims_nothing_that_its_settings_exclude_and_says_so(
    runs: Runs, fake: Callable[[Draw], None], monkeypatch: pytest.MonkeyPatch
) -> None:
    run_id = runs.plan("pip", range(3))
    fake(lambda cells: [picture(cell) for cell in cells])
    monkeypatch.setenv("DREAMTUNER_WORKER_PROFILES", "sd-15, sdxl")
    outcome = result_of(lambda: generate.fn(run_id))
    assert (outcome.made, outcome.failed, len(outcome.blocked)) == ((), (), 3)
    with runs.resources.catalog.read() as s:
        detail = views.run(s, run_id)
        assert {views.cell(s, digest).attempts for digest in outcome.blocked} == {0}
    assert {one.reason for one in detail.reasons} == set(outcome.blocked.values())
    assert "only, not with pocket; see DREAMTUNER_WORKER_PROFILES" in detail.reasons[0].reason
    monkeypatch.setenv("DREAMTUNER_WORKER_PROFILES", "pocket")
    assert len(result_of(lambda: generate.fn(run_id)).made) == 3


@pytest.mark.parametrize(
    ("variables", "reason"),
    [
        ({}, None),
        ({"DREAMTUNER_PURPOSE": "non-commercial"}, None),
        ({"DREAMTUNER_PURPOSE": "commercial"}, "forbids commercial use"),
        ({"DREAMTUNER_PURPOSE": "non-commercial, regions=US DE"}, "excludes DE"),
        ({"DREAMTUNER_POCKET_WEIGHTS": "/nowhere"}, "lacks weights of pocket: "),
    ],
)
def test_licences_and_weights_decide_what_a_worker_generates(
    settings: Settings, monkeypatch: pytest.MonkeyPatch, variables: dict[str, str], reason: str | None
) -> None:
    for name, value in variables.items():
        monkeypatch.setenv(name, value)
    resources = Resources(Settings.load())
    licence = LicenceRecord(name="NC", commercial=False, excluded_regions=("DE",))
    profile = resources.profile("pocket").model_copy(update={"licence": licence})
    monkeypatch.setattr(resources, "profile", lambda name: profile)
    found = why_not("pocket", resources)
    assert found == reason if reason is None else reason in str(found)


def test_a_model_that_does_not_fit_is_not_claimed_again(
    runs: Runs, fake: Callable[[Draw], None], monkeypatch: pytest.MonkeyPatch
) -> None:
    run_id = runs.plan("pip", range(8))
    fake(lambda cells: [picture(cell) for cell in cells])
    monkeypatch.setattr(
        Resources, "memory_problem", lambda self, name, dtype="bfloat16": "too large" if dtype == "float32" else None
    )
    runs.resources._loaded.clear()
    outcome = result_of(lambda: generate.fn(run_id))
    assert (len(outcome.made), len(outcome.blocked)) == (0, 8)
    with runs.resources.catalog.read() as s:
        attempts = [views.cell(s, digest).attempts for digest in outcome.blocked]
    assert sum(attempts) <= 4  # the first chunk, and the one that was claimed ahead
