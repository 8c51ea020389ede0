"""What an order is said to come to before it is placed, against what a run of it makes."""

import subprocess
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import pytest
from PIL import Image

import flows.execution.generate_batch
from dreamtuner.sampling.request import Cell
from flows.ingestion.store_subject import prepare_and_store
from flows.planning.cells import plan_cells
from flows.planning.estimate import Estimate, estimate
from flows.planning.preflight import preflight
from flows.planning.preview import preview
from flows.resources import Resources
from flows.settings import Settings
from flows.spec.model import Spec
from flows.spec.subject import SubjectSpec
from flows.spec_run import record
from storage.catalog import writes
from storage.catalog.schema import Cell as CellRow
from storage.rates import Rates
from tests.flows.conftest import MakeCells

RATES = Rates("EUR", {"cpu": 3600.0})  # a second is a euro


def order(*subjects: Any, **more: Any) -> Spec:
    given = {"name": "t", "prompts": ["a {subject}", "one {subject}"], "seeds": [1, 2, 3, 4], "score": ()}
    return Spec.model_validate({**given, "subjects": subjects, **more})


def asked(spec: Spec, rates: Rates = RATES) -> Estimate:
    resources = Resources.open()
    return estimate(spec, resources.catalog, rates, resources)


def draw(_: Any, __: Any, cells: Sequence[Cell], *___: Any, **____: Any) -> list[Image.Image]:
    return [Image.new("RGB", (8, 8), (cell.seed, len(cell.prompt), 0)) for cell in cells]


@pytest.fixture
def made(
    settings: Settings, references: Path, make_cells: MakeCells, monkeypatch: pytest.MonkeyPatch
) -> Callable[..., None]:
    """Ingest pip by a run of eight cells, of which some are generated, each in two seconds."""
    monkeypatch.setattr(flows.execution.generate_batch, "generate", draw)

    def run(count: int) -> None:
        resources = Resources.open(settings)
        pip = SubjectSpec(name="pip", class_word="bear", reference=str(references / "pip.png"))
        spec = order(pip)
        kept, ready = prepare_and_store(pip, resources), preflight(spec, resources)
        cells = plan_cells(spec, [kept.facts], ready.setup)
        with resources.catalog.write() as s:
            run_id = writes.start_run(s, name="t", spec=spec.model_dump(mode="json"), flow_run_id=None)
        record(spec, resources, ready, run_id, [kept], cells)
        make_cells([cell.digest for cell in cells[:count]])
        with resources.catalog.write() as s:
            s.query(CellRow).filter(CellRow.state == "generated").update({"device_seconds": 2.0, "device": "cpu"})

    return run


SPECS: list[Any] = [
    {},
    {"seeds": [3, 4, 5]},
    {"sampling": {"w_ref": 1.0}},
    {"negative_prompt": "rain"},
    {"prompts": ["one {subject}"]},
]


def alike(spec: Spec, settings: Settings) -> None:
    exact, said = preview(spec, Resources.open(settings)), asked(spec)
    assert (said.cells, said.to_make) == (len(exact.cells), exact.missing())


def test_what_exists_is_what_the_plan_finds(made: Callable[..., None], settings: Settings, references: Path) -> None:
    made(3)
    alike(order({"name": "pip"}, seeds=[3, 4, 5]), settings)
    again = {"name": "pip", "class_word": "bear", "reference": str(references / "pip.png")}
    assert asked(order(again)).existing == 3, "by the spec of its first run, too"
    assert asked(order(again | {"reference": str(references / "momo.png")})).existing == 0
    assert asked(order({"name": "pip"})).existing == 3
    many = {"prompts": [f"a {{subject}} in city {i}" for i in range(300)], "seeds": "1-100"}
    new = asked(order(again | {"name": "momo", "reference": "https://pictures.test/momo.png"}, **many))
    assert (new.cells, new.existing) == (30_000, 0), "no subject to compare, and more cells than are compared"


@pytest.mark.slow
def test_what_exists_is_what_the_plan_finds_whatever_changes(made: Callable[..., None], settings: Settings) -> None:
    made(3)
    for more in SPECS:
        alike(order({"name": "pip"}, **more), settings)
    alike(order({"name": "pip", "caption": "another"}), settings)
    assert asked(order({"name": "pip"}, seeds="0-99999")).existing == 3


def test_time_and_price_are_those_measured_and_scale_with_the_steps(made: Callable[..., None]) -> None:
    made(3)
    plain, twice = asked(order({"name": "pip"})), asked(order({"name": "pip"}, sampling={"steps": 40}))
    steps = 20
    [work] = plain.work
    assert (work.kind, work.items, work.device, work.measured) == ("generate", 5, "cpu", 3)
    assert plain.device_seconds == plain.money == pytest.approx(5 * 2.0, abs=5)  # and the loading of the model, once
    loading = (plain.device_seconds or 0) - 10
    assert (twice.device_seconds or 0) - loading == pytest.approx(8 * 2.0 * 40 / steps, rel=0.5)
    assert asked(order({"name": "pip"}), Rates()).money is None


@pytest.mark.slow
def test_what_is_new_or_never_measured_is_said(made: Callable[..., None]) -> None:
    new = {"name": "momo", "class_word": "rabbit", "reference": "https://pictures.test/momo.png"}
    nothing = asked(order(new))
    assert (nothing.new_subjects, nothing.existing, nothing.device_seconds, nothing.money) == (1, 0, None, None)
    assert "no images of profile pocket were timed yet" in nothing.notes[0]
    made(1)
    both = asked(order({"name": "pip"}, new, finetune={}))
    assert (both.subjects, both.new_subjects, both.existing) == (2, 1, 0)
    assert [(one.kind, one.items, one.seconds is None) for one in both.work] == [
        ("generate", 16, False),
        ("finetune", 2, True),
    ]


@pytest.mark.slow
def test_an_estimate_needs_neither_torch_nor_a_tokenizer() -> None:
    heavy = "('torch', 'tokenizers', 'numpy', 'cv2', 'prefect', 'diffusers')"
    program = f"import sys, flows.planning.estimate; sys.exit(str([one for one in {heavy} if one in sys.modules]))"
    ran = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True)
    assert ran.stderr.strip() == "[]"
