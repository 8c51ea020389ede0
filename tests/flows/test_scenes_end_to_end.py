"""Images of several subjects in the catalog: planned, generated, shown, seen by project, forgotten."""

from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import update

from flows.execution.attention_map import attention_map
from flows.execution.recipe_rows import recipe_of_row
from flows.ingestion.store_subject import Ingested, prepare_and_store
from flows.outcome import CellOutcomes
from flows.planning.cells import PlannedCell, plan_cells
from flows.planning.preflight import preflight
from flows.planning.scenes.plan import plan_scenes
from flows.reporting import contact_sheet
from flows.reporting.contact_sheet import render_sheet
from flows.reporting.summary import summarise
from flows.resources import Resources
from flows.settings import Settings
from flows.spec.model import Spec
from flows.spec.problems import InputError
from flows.spec_run import record
from storage.catalog import views, writes
from storage.catalog.narrowing import Viewer
from storage.catalog.schema import Subject
from tests.flows.conftest import MakeCells, draw_references


def spec_of(references: Path, **more: Any) -> Spec:
    subjects = [
        {"name": name, "class_word": word, "reference": str(references / f"{name}.png")}
        for name, word in (("pip", "bear"), ("momo", "duck"))
    ]
    left = {"name": "pip", "region": [0, 0, 0.6, 1]}
    scene = {"prompt": "a {pip} and a {momo} on the beach", "subjects": [left]}
    given = {"seeds": [1, 2], "score": [], "sampling": {"steps": 2}, "together": [scene]}
    return Spec.model_validate({"name": "pairs", "subjects": subjects, **given, **more})


Recorded = tuple[Spec, list[Ingested], list[PlannedCell], str]


def recorded(spec: Spec, settings: Settings) -> Recorded:
    resources = Resources.open(settings)
    ready, kept = preflight(spec, resources), [prepare_and_store(one, resources) for one in spec.subjects]
    facts = [one.facts for one in kept]
    cells = [*plan_cells(spec, facts, ready.setup), *plan_scenes(spec, facts, ready.setup)]
    with resources.catalog.write() as s:
        run_id = writes.start_run(s, name=spec.name, spec=spec.model_dump(mode="json"), flow_run_id=None)
    record(spec, resources, ready, run_id, kept, cells)
    return spec, kept, cells, run_id


@pytest.mark.slow
def test_an_image_of_two_subjects_is_found_and_forgotten_with_either(
    settings: Settings, references: Path, make_cells: MakeCells
) -> None:
    spec, kept, cells, run_id = recorded(spec_of(references, prompts=["a {subject}"]), settings)
    made = make_cells([cell.digest for cell in cells])
    assert set(made.made) == {cell.digest for cell in cells}, made.blocked
    resources = Resources.open(settings)
    pairs = [cell for cell in cells if cell.others]
    with resources.catalog.read() as s:
        for cell in pairs:
            assert recipe_of_row(views.cell(s, cell.digest)) == cell.recipe
        for one in kept:
            rows = views.gallery_page(s, views.Filter(subject_id=one.subject_id)).rows
            assert len(rows) == 2 + len(pairs), one.facts.name
        shown = next(one for one in views.outputs(s, [row.output_id for row in rows]) if len(one.subjects) == 2)
        found = {row.digest: row for row in views.cells_of_run(s, run_id)}
    assert [(one.name, one.position) for one in shown.subjects] == [("pip", 0), ("momo", 1)]
    assert shown.subjects[1].reference_sha256 == kept[1].facts.reference_sha256
    made_of = CellOutcomes(made.made, ())
    ingested = type("I", (), {"ingested": kept, "refused": {}})()
    subjects = summarise(spec, (), ingested, cells, made_of, found)
    assert [(one.name, one.made) for one in subjects] == [("pip", 2), ("momo", 2), ("pip + momo", 2)]
    ready = preflight(spec, resources)
    sheet = render_sheet(spec, resources, run_id, ingested, cells, found, ready.layouts, subjects)
    assert sheet.height > 900, "a block for each subject, and one for both"
    with resources.catalog.write() as s:
        writes.finish_run(s, run_id, state="completed")
    with resources.catalog.write() as s:
        erased = writes.forget_subject(s, "momo", actor="test")
    assert (erased.outputs, erased.shared) == (2 + len(pairs), 0)
    with resources.catalog.read() as s:
        left = views.gallery_page(s, views.Filter()).rows
        assert {row.prompt for row in left} == {"a bear"}
        assert views.spec_of_run(s, run_id)["together"] == []


@pytest.mark.slow
def test_each_image_is_counted_and_shown_once(
    settings: Settings, references: Path, make_cells: MakeCells, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Scenes may have one prompt and other regions, and one subject alone, whose images are among its own."""
    boxes = ([0, 0, 0.6, 1], [0, 0, 0.4, 1])
    pairs = [{"prompt": "a {pip} and a {momo}", "subjects": [{"name": "pip", "region": box}]} for box in boxes]
    spec, kept, cells, run_id = recorded(
        spec_of(references, prompts=["a {subject}"], together=[*pairs, "a {pip} at night"], seeds=[1]), settings
    )
    made, resources = make_cells([cell.digest for cell in cells]), Resources.open(settings)
    with resources.catalog.read() as s:
        found = {row.digest: row for row in views.cells_of_run(s, run_id)}
    ingested = type("I", (), {"ingested": kept, "refused": {}})()
    subjects = summarise(spec, (), ingested, cells, CellOutcomes(made.made, ()), found)
    assert [(one.name, one.made, one.skipped) for one in subjects] == [
        ("pip", 2, 0),
        ("momo", 1, 0),
        ("pip + momo", 2, 0),
    ]
    monkeypatch.setattr(contact_sheet, "contact_sheet", lambda title, words, blocks, warnings: blocks)
    layouts = preflight(spec, resources).layouts
    blocks: Any = render_sheet(spec, resources, run_id, ingested, cells, found, layouts, subjects)
    assert [(one.name, [row.prompt for row in one.rows]) for one in blocks] == [
        ("pip", ["a bear", "a bear at night"]),
        ("momo", ["a duck"]),
        ("pip + momo", ["a bear and a duck", "a bear and a duck"]),
    ]
    shown = [cell.image.tobytes() for one in blocks for row in one.rows for cell in row.cells]
    assert len({*shown}) == 5
    refused = type("I", (), {"ingested": kept[1:], "refused": {"pip": "no mask"}})()
    lost = summarise(spec, (), refused, [cells[1]], CellOutcomes(made.made, ()), found)
    assert [(one.name, one.failed) for one in lost] == [("pip", 2), ("momo", 0), ("pip + momo", 2)]
    pair = next(cell for cell in cells if cell.others)
    with pytest.raises(
        InputError, match=r"CELL: cell \w{12} shows several subjects; attention maps are of images of one"
    ):
        attention_map(pair.digest, "0.5,0.5", resources)


@pytest.mark.slow
def test_similarity_is_that_of_the_region_that_is_least_like_its_reference(
    settings: Settings, references: Path, make_cells: MakeCells, monkeypatch: pytest.MonkeyPatch
) -> None:
    from flows.execution import score_outputs

    seen: list[tuple[int, int]] = []

    class ByArea:
        name, takes, models = "by_area", ("reference",), ()
        version = staticmethod(lambda profile: "1")
        missing = staticmethod(lambda profile: [])
        load = staticmethod(lambda profile, device: None)

        @staticmethod
        def score(model: Any, images: Any, reference: Any) -> list[float]:
            seen.extend(one.size for one in images)
            return [float(one.width) for one in images]

    _, _, cells, run_id = recorded(spec_of(references), settings)
    make_cells([cells[0].digest])
    resources = Resources.open(settings)
    monkeypatch.setattr(score_outputs, "METRICS", {"by_area": ByArea()})
    monkeypatch.setattr(type(resources), "scorer", lambda *_: None)
    monkeypatch.setattr(score_outputs, "licences_of", lambda *_: {})
    with resources.catalog.read() as s:
        [output] = views.unscored(s, run_id, "by_area", "1")
    account = score_outputs.ScoreAccount(resources, run_id)
    with account:
        assert score_outputs._score_together(account, resources, "pocket", "by_area", [output.output_id]) == 1
    width, height = 64, 64
    assert sorted(seen) == [(width // 2, height), (int(width * 0.6) + 1, height)]
    with resources.catalog.read() as s:
        [shown] = views.outputs(s, [output.output_id])
    assert shown.scores == {"by_area": width / 2}


@pytest.mark.slow
def test_only_who_sees_both_subjects_sees_their_image(
    settings: Settings, references: Path, make_cells: MakeCells
) -> None:
    _, kept, cells, _ = recorded(spec_of(references), settings)
    make_cells([cells[0].digest])
    catalog = Resources.open(settings).catalog
    with catalog.write() as s:
        ours, theirs = (writes.add_project(s, name=name, actor="test") for name in ("ours", "theirs"))
        for one, project in zip(kept, (ours, theirs), strict=True):
            s.execute(update(Subject).where(Subject.id == one.subject_id).values(project_id=project))

    def seen(*projects: int) -> int:
        with catalog.seen_by(Viewer("ann", frozenset(projects))).read() as s:
            return len(views.gallery_page(s, views.Filter()).rows)

    assert [seen(ours, theirs), seen(ours), seen(theirs), seen()] == [1, 0, 0, 0]


@pytest.mark.parametrize(
    ("more", "said"),
    [
        (
            {"sampling": {"w_ref": 0}, "together": [{"prompt": "a {pip}", "subjects": [{"name": "pip", "w_ref": 2}]}]},
            r"together\[0\].subjects\[0\].w_ref: sampling.w_ref is 0",
        ),
        (
            {"together": [{"prompt": "a {pip}", "subjects": [{"name": "pip", "region": "no/such.png"}]}]},
            r"together\[0\].subjects\[0\].region: no/such.png: ",
        ),
    ],
)
def test_what_a_scene_cannot_have_is_said_before_anything_is_written(
    settings: Settings, tmp_path: Path, more: dict[str, Any], said: str
) -> None:
    with pytest.raises(InputError, match=said):
        preflight(spec_of(draw_references(tmp_path), **more), Resources.open(settings))
