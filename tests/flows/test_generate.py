"""Claims, failures and interrupts, with a generator that is not the method."""

import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import pytest
from PIL import Image
from sqlalchemy import insert, select, update

import flows.execution.generate_batch
from dreamtuner.sampling.request import Cell
from dreamtuner.settings.sampling import Sampling
from flows.execution.costs.stop import Unpriced, demand_priced, demand_priced_worker, stop_if_asked
from flows.execution.generation_worker import Worker
from flows.faults import RunStoppedError
from flows.image_io import RECIPE_KEY, open_picture
from flows.ingestion.store_subject import prepare_and_store
from flows.planning.cells import digest_of, plan_cells
from flows.planning.preflight import preflight
from flows.resources import Resources
from flows.settings import Settings
from flows.spec.model import Spec
from flows.spec.problems import InputError
from flows.spec.subject import SubjectSpec
from flows.spec_run import record
from storage.catalog import views, writes
from storage.catalog.leases.work import WorkRecord
from storage.catalog.owners import this_owner
from storage.catalog.schema import Cell as Cells
from storage.catalog.schema import Run, RunCell, WorkSession
from storage.objects import get_blob
from tests.flows.conftest import MakeCells

Draw = Callable[[Sequence[Cell]], list[Image.Image]]


@pytest.fixture
def digests(settings: Settings, references: Path) -> list[str]:
    """Eight planned cells of one subject."""
    pip = SubjectSpec(name="pip", class_word="bear", reference=str(references / "pip.png"))
    spec = Spec(name="t", subjects=(pip,), prompts=("a {subject}", "one {subject}"), seeds=(1, 2, 3, 4), score=())
    kept, ready = prepare_and_store(pip, Resources.open(settings)), preflight(spec, Resources.open(settings))
    cells = plan_cells(spec, [kept.facts], ready.setup)
    with Resources.open(settings).catalog.write() as s:
        run_id = writes.start_run(s, name="t", spec={}, flow_run_id=None)
    record(spec, Resources.open(settings), ready, run_id, [kept], cells)
    return [cell.digest for cell in cells]


@pytest.fixture
def fake(monkeypatch: pytest.MonkeyPatch) -> Callable[[Draw], None]:
    def put(draw: Draw) -> None:
        def generate(_: Any, __: Any, cells: Sequence[Cell], ___: Sampling, **____: Any) -> list[Image.Image]:
            return draw(cells)

        monkeypatch.setattr(flows.execution.generate_batch, "generate", generate)

    return put


def picture(cell: Cell) -> Image.Image:
    return Image.new("RGB", (8, 8), (cell.seed, len(cell.prompt), 0))


def states(settings: Settings, digests: list[str]) -> list[str]:
    with Resources.open(settings).catalog.read() as s:
        return [views.cell(s, digest).state for digest in digests]


def test_pictures_are_kept_with_their_recipe_whose_sha256_is_the_digest(
    make_cells: MakeCells, settings: Settings, digests: list[str], fake: Callable[[Draw], None]
) -> None:
    fake(lambda cells: [picture(cell) for cell in cells])
    assert make_cells(digests).made == tuple(digests)
    with Resources.open(settings).catalog.read() as s:
        cells = [views.cell(s, digest) for digest in digests]
    for cell in cells:
        assert cell.image_sha256 is not None
        data = get_blob(Resources.open(settings).store, cell.image_sha256)
        recipe = text_of(data)
        assert digest_of(recipe) == cell.digest
        assert (recipe["seed"], recipe["prompt"]) == (cell.seed, cell.prompt)
        assert open_picture(data, "RGB").getpixel((0, 0)) == (cell.seed, len(cell.prompt), 0)


def text_of(png: bytes) -> dict[str, Any]:
    import io
    import json

    with Image.open(io.BytesIO(png)) as image:
        found: dict[str, Any] = json.loads(image.info[RECIPE_KEY])
    return found


def test_one_bad_cell_fails_alone_and_says_why(
    make_cells: MakeCells, settings: Settings, digests: list[str], fake: Callable[[Draw], None]
) -> None:
    def draw(cells: Sequence[Cell]) -> list[Image.Image]:
        if any(cell.seed == 3 and cell.prompt == "a bear" for cell in cells):
            raise ValueError("no three bears")
        return [picture(cell) for cell in cells]

    fake(draw)
    result = make_cells(digests)
    assert result.failed == (digests[2],)
    assert set(result.made) == set(digests) - {digests[2]}
    with Resources.open(settings).catalog.read() as s:
        assert views.cell(s, digests[2]).error == "ValueError: no three bears"


def test_too_many_for_the_memory_is_halved(
    make_cells: MakeCells, settings: Settings, digests: list[str], fake: Callable[[Draw], None]
) -> None:
    sizes = []

    def draw(cells: Sequence[Cell]) -> list[Image.Image]:
        sizes.append(len(cells))
        if len(cells) > 2:
            raise MemoryError
        return [picture(cell) for cell in cells]

    fake(draw)
    assert make_cells(digests).failed == ()
    assert max(sizes[1:]) < 8
    assert states(settings, digests) == ["generated"] * 8


@pytest.mark.parametrize("error", [KeyboardInterrupt, SystemExit])
def test_an_interrupt_gives_back_what_is_unfinished(
    make_cells: MakeCells,
    settings: Settings,
    digests: list[str],
    fake: Callable[[Draw], None],
    error: type[BaseException],
) -> None:
    def draw(cells: Sequence[Cell]) -> list[Image.Image]:
        raise error

    fake(draw)
    with pytest.raises(error):
        make_cells(digests)
    assert states(settings, digests) == ["planned"] * 8


def test_the_next_cells_are_claimed_while_these_are_drawn_and_given_back_if_they_are_not(
    settings: Settings, digests: list[str], fake: Callable[[Draw], None], monkeypatch: pytest.MonkeyPatch
) -> None:
    seen: list[list[str]] = []

    def draw(cells: Sequence[Cell]) -> list[Image.Image]:
        worker.beat.renew()  # whoever is claimed ahead is held on to as well
        seen.append(states(settings, digests))
        return [picture(cell) for cell in cells]

    fake(draw)
    monkeypatch.setenv("DREAMTUNER_CHUNK_CELLS", "2")
    resources = Resources.open(Settings.load())
    with resources.catalog.read() as s:
        run_id = views.recent_runs(s)[0].id
    with Worker(resources, run_id) as worker:
        for first in (0, 2):
            chunk = worker.next_chunk()
            assert chunk is not None
            assert (chunk.digests, chunk.first, chunk.last, chunk.subject) == (
                digests[first : first + 2],
                first,
                first + 1,
                "pip",
            )
            worker.claim_ahead()
            assert worker.make(chunk.digests).made == tuple(chunk.digests)
        worker.flush()
    assert seen[1][2:4] == ["generating"] * 2
    assert states(settings, digests) == ["generated"] * 4 + ["planned"] * 4


def test_what_another_holds_is_left_alone(
    make_cells: MakeCells, settings: Settings, digests: list[str], fake: Callable[[Draw], None]
) -> None:
    fake(lambda cells: [picture(cell) for cell in cells])
    with Resources.open(settings).catalog.write() as s:
        writes.claim_cells(s, digests[:3], "elsewhere:1:token", 600)
    assert make_cells(digests).made == tuple(digests[3:])
    assert states(settings, digests) == ["generating"] * 3 + ["generated"] * 5


def test_a_cell_taken_over_meanwhile_is_not_counted_and_not_disturbed(
    make_cells: MakeCells, settings: Settings, digests: list[str], fake: Callable[[Draw], None]
) -> None:
    def draw(cells: Sequence[Cell]) -> list[Image.Image]:
        with Resources.open(settings).catalog.write() as s:
            writes.release_cells(s, digests[:1], owner=this_owner())
            writes.claim_cells(s, digests[:1], "elsewhere:1:token", 600)
        return [picture(cell) for cell in cells]

    fake(draw)
    assert make_cells(digests).made == tuple(digests[1:])
    assert states(settings, digests[:1]) == ["generating"]


def test_a_worker_encodes_the_reference_of_its_chunks_once(settings: Settings, digests: list[str]) -> None:
    with Worker(Resources.open(settings), None) as worker:
        assert [worker.make([digest]).made for digest in digests[:2]] == [(digests[0],), (digests[1],)]
        assert worker.references.passes == 1
        assert worker.references.nbytes > 0
    assert worker.references.nbytes == 0, "nothing is held after the run"


def spent_on(settings: Settings, digests: list[str]) -> tuple[dict[str, float], WorkSession]:
    """Device-seconds of each cell, and the latest work session."""
    with Resources.open(settings).catalog.read() as s:
        rows = s.execute(select(Cells.digest, Cells.device_seconds, Cells.device).where(Cells.digest.in_(digests)))
        cells = {digest: (seconds, device) for digest, seconds, device in rows}
        session = s.scalars(select(WorkSession).order_by(WorkSession.started_at.desc())).first()
        assert session is not None
        s.expunge(session)
    assert {device for _, device in cells.values()} == {"cpu"}
    return {digest: seconds for digest, (seconds, _) in cells.items()}, session


def test_cells_share_what_their_attempts_took_and_failed_ones_too(
    make_cells: MakeCells, settings: Settings, digests: list[str], fake: Callable[[Draw], None]
) -> None:
    def draw(cells: Sequence[Cell]) -> list[Image.Image]:
        time.sleep(0.004 * len(cells))  # as long for each, however many are drawn at once
        if any(cell.seed == 3 and cell.prompt == "a bear" for cell in cells):
            raise ValueError("no three bears")
        return [picture(cell) for cell in cells]

    fake(draw)
    make_cells(digests)
    seconds, session = spent_on(settings, digests)
    assert (session.kind, session.device, session.items, session.failures) == ("generate", "cpu", 7, 1)
    assert session.ended_at is not None
    assert session.uploads_waiting == 0
    assert session.model_loads == 1
    assert 0 < session.model_load_seconds < session.device_seconds
    shared = session.device_seconds - session.model_load_seconds
    assert sum(seconds.values()) == pytest.approx(shared, rel=0.05, abs=0.005)
    # the bad cell and its neighbour were tried 8, 4, 2 and 1 at a time, the second half in two batches
    assert seconds[digests[2]] > seconds[digests[7]]
    assert seconds[digests[4]] == seconds[digests[7]]


def test_interrupted_attempts_and_lost_pictures_add_up(
    make_cells: MakeCells, settings: Settings, digests: list[str], fake: Callable[[Draw], None]
) -> None:
    def interrupted(cells: Sequence[Cell]) -> list[Image.Image]:
        raise KeyboardInterrupt

    fake(interrupted)
    with pytest.raises(KeyboardInterrupt):
        make_cells(digests)
    first, _ = spent_on(settings, digests)
    assert all(one > 0 for one in first.values())
    fake(lambda cells: [picture(cell) for cell in cells])
    make_cells(digests)
    second, _ = spent_on(settings, digests)
    with Resources.open(settings).catalog.write() as s:
        writes.mark_cells_lost(s, digests[:4])
    make_cells(digests[:4])
    third, _ = spent_on(settings, digests)
    assert all(first[one] < second[one] for one in digests)
    assert all(second[one] < third[one] for one in digests[:4])
    assert all(second[one] == third[one] for one in digests[4:])


def test_what_a_worker_makes_for_another_run_is_charged_to_that_run(
    settings: Settings,
    digests: list[str],
    references: Path,
    fake: Callable[[Draw], None],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("DREAMTUNER_CHUNK_CELLS", "2")
    resources = Resources.open(Settings.load())
    pip = SubjectSpec(name="pip", class_word="bear", reference=str(references / "pip.png"))
    spec = Spec(name="other", subjects=(pip,), prompts=("a {subject}",), seeds=(11, 12, 13, 14), score=())
    kept, ready = prepare_and_store(pip, resources), preflight(spec, resources)
    theirs = plan_cells(spec, [kept.facts], ready.setup)
    with resources.catalog.write() as s:
        (ours,) = s.scalars(select(Run.id)).all()
        other = writes.start_run(s, name="other", spec={}, flow_run_id=None)
    record(spec, resources, ready, other, [kept], theirs)

    def draw(cells: Sequence[Cell]) -> list[Image.Image]:
        time.sleep(0.01 * len(cells))
        if any(cell.seed == 12 for cell in cells):
            raise ValueError("not this one")
        return [picture(cell) for cell in cells]

    fake(draw)
    served = []
    with Worker(resources, ours) as worker:
        while chunk := worker.next_chunk():
            served.append(chunk.run_id)
            worker.make(chunk.digests)
    assert served.index(other) < len(served) - 1 - served[::-1].index(ours), "it came back from the other run"
    with resources.catalog.read() as s:
        spent = {run: views.spending(s, run) for run in (ours, other)}
        rows = {one.run_id: one for one in s.scalars(select(WorkSession))}
        seconds = {
            run: sum(s.scalars(select(Cells.device_seconds).where(Cells.digest.in_(of))))
            for run, of in ((ours, digests), (other, [cell.digest for cell in theirs]))
        }
        assert [rows[run].ended_at is not None for run in (ours, other)] == [True, True]
    ((a,), (b,)) = spent[ours], spent[other]
    assert (a.items, b.items) == (8, 3)
    assert (a.failures, b.failures > 0) == (0, True)
    for run, one in ((ours, a), (other, b)):
        assert one.device_seconds - one.model_load_seconds == pytest.approx(seconds[run], rel=0.05, abs=0.01)


@pytest.mark.parametrize(
    ("budget", "said"), [({"device_seconds": 0.001}, "0.001 device-seconds"), ({"money": 1e-9}, "1e-09 EUR")]
)
def test_a_spent_budget_stops_a_run_where_it_is(
    settings: Settings,
    digests: list[str],
    fake: Callable[[Draw], None],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    budget: dict[str, float],
    said: str,
) -> None:
    rates = tmp_path / "rates.yaml"
    rates.write_text("{currency: EUR, devices: {cpu: 3600}}")
    monkeypatch.setenv("DREAMTUNER_RATES", str(rates))
    resources = Resources.open()
    with resources.catalog.write() as s:
        (run,) = s.scalars(select(Run.id)).all()
        s.execute(update(Run).values(spec={"budget": budget}))
    fake(lambda cells: [picture(cell) for cell in cells])
    with Worker(resources, run) as worker:
        stop_if_asked(resources, run, worker.account)
        worker.make(digests[:3])
        with pytest.raises(RunStoppedError) as stopped:
            stop_if_asked(resources, run, worker.account, worker.flush)
    assert stopped.value.state == "failed"
    for words in (f"its budget of {said} is spent", "3 of 8 images are generated", "raise `budget`"):
        assert words in str(stopped.value)
    assert states(settings, digests) == ["generated"] * 3 + ["planned"] * 5


@pytest.fixture
def money(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, digests: list[str]) -> str:
    """A run that limits money, where a GPU has a price and the CPU that generates here has none."""
    rates = tmp_path / "rates.yaml"
    rates.write_text("{currency: EUR, devices: {NVIDIA H200: 3.2}}")
    monkeypatch.setenv("DREAMTUNER_RATES", str(rates))
    with Resources.open().catalog.write() as s:
        (run,) = s.scalars(select(Run.id)).all()
        s.execute(update(Run).values(spec={"budget": {"money": 5}}))
    return run


def test_a_device_without_a_price_stops_a_run_that_limits_money(
    digests: list[str], fake: Callable[[Draw], None], money: str
) -> None:
    resources, flushed = Resources.open(), []
    fake(lambda cells: [picture(cell) for cell in cells])
    with Worker(resources, money) as worker:
        stop_if_asked(resources, money, worker.account)
        worker.make(digests[:3])
        worker.flush()
        with pytest.raises(RunStoppedError, match=r"budget\.money: .*no price of an hour of cpu; add it") as stopped:
            stop_if_asked(resources, money, worker.account, lambda: flushed.append("now"))
    assert stopped.value.state == "failed"
    assert "3 of 8 images are generated" in str(stopped.value)
    assert flushed == ["now"]


def test_scores_on_a_device_without_a_price_stop_nothing(money: str) -> None:
    resources = Resources.open()
    with WorkRecord(resources.catalog, this_owner(), "score", "cpu", run_id=money) as work, work.busy():
        pass
    stop_if_asked(resources, money)


def test_a_worker_without_a_price_refuses_a_run_that_limits_money_and_leaves_it_to_others(
    digests: list[str], fake: Callable[[Draw], None], money: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("DREAMTUNER_CHUNK_CELLS", "1")
    fake(lambda cells: [picture(cell) for cell in cells])
    resources = Resources.open()
    with pytest.raises(InputError, match=r"budget\.money.*no price of an hour of cpu"):
        demand_priced_worker(resources, money)
    with resources.catalog.write() as s:
        free = writes.start_run(s, name="free", spec={"budget": {"device_seconds": 9}}, flow_run_id=None)
    demand_priced_worker(resources, free)
    leaves = Unpriced(resources)
    with resources.catalog.read() as s:
        assert (leaves(s, money), leaves(s, free)) == (True, False)
    with resources.catalog.write() as s:  # the free run wants four of the cells
        first = s.scalars(select(RunCell.cell_id).order_by(RunCell.cell_id).limit(4)).all()
        s.execute(insert(RunCell), [{"run_id": free, "cell_id": one, "position": i} for i, one in enumerate(first)])
    with Worker(resources, free) as worker:
        chunks = []
        while chunk := worker.next_chunk():
            chunks.append(chunk)
            worker.make(chunk.digests)
    assert [chunk.run_id for chunk in chunks] == [free] * 4


def test_prices_are_demanded_where_the_images_are_generated(references: Path, digests: list[str], money: str) -> None:
    pip = SubjectSpec(name="pip", class_word="bear", reference=str(references / "pip.png"))
    spec = Spec(name="t", subjects=(pip,), prompts=("a {subject}",), seeds=(1,), budget={"money": 5})
    resources = Resources.open()
    with pytest.raises(InputError, match=r"budget\.money.*no price of an hour of cpu"):
        demand_priced(spec, resources)
    demand_priced(spec, resources, here=False)  # a worker elsewhere may have that GPU


def test_a_cancelled_run_stops_and_says_who_cancelled_it(settings: Settings, digests: list[str]) -> None:
    resources = Resources.open(settings)
    with resources.catalog.write() as s:
        (run,) = s.scalars(select(Run.id)).all()
    stop_if_asked(resources, run)
    with resources.catalog.write() as s:
        writes.cancel_run(s, run, actor="eva")
    with pytest.raises(RunStoppedError, match="cancelled by eva; 0 of 8 images are generated") as stopped:
        stop_if_asked(resources, run)
    assert stopped.value.state == "cancelled"


def test_money_without_a_price_is_refused_and_a_spec_without_a_budget_is_what_it_was(
    settings: Settings, references: Path
) -> None:
    pip = SubjectSpec(name="pip", class_word="bear", reference=str(references / "pip.png"))
    grid: dict[str, Any] = {"name": "t", "subjects": (pip,), "prompts": ("a {subject}",), "seeds": (1,)}
    assert "budget" not in Spec(**grid).model_dump(mode="json")
    spec = Spec(**grid, budget={"money": 2})
    assert spec.model_dump(mode="json")["budget"] == {"device_seconds": None, "money": 2.0}
    with pytest.raises(InputError, match=r"budget\.money.*no price of an hour of cpu"):
        demand_priced(spec, Resources.open(settings))
    with pytest.raises(InputError, match=r"budget\.money.*no price of an hour of any device"):
        demand_priced(spec, Resources.open(settings), here=False)
    demand_priced(Spec(**grid, budget={"device_seconds": 2}), Resources.open(settings))
    for wrong in ({}, {"money": 0}, {"device_seconds": float("inf")}, {"euros": 1}):
        with pytest.raises(ValueError, match="budget"):
            Spec(**grid, budget=wrong)
