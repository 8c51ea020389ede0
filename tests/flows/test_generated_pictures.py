"""Generated pictures that cells see: edits of one, and sets that see their first. Plans, digests, images, failures."""

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from PIL import Image, ImageDraw
from pydantic import ValidationError

import flows.execution.generate_batch
from deploy.dashboard.exports.lineage import weights_of_output
from dreamtuner.preprocess import ForegroundMask
from dreamtuner.preprocess.plain import PlainMasker
from dreamtuner.sampling.edits.kept_background import Background
from dreamtuner.sampling.generate import generate as draw_cells
from dreamtuner.sampling.request import Reference
from dreamtuner.settings.sampling import Sampling
from flows.execution.generated.pictures import _caption
from flows.execution.generation_worker import Worker
from flows.execution.recipe_rows import recipe_of_row
from flows.execution.replay.replay import replay
from flows.ingestion.facts import Facts
from flows.ingestion.store_subject import prepare_and_store
from flows.planning.cells import GenerationSetup, PlannedCell, plan_cells
from flows.planning.generated.pictures import GeneratedPictures
from flows.planning.preflight import preflight
from flows.resources import Resources
from flows.settings import Settings
from flows.spec.model import Spec
from flows.spec.problems import InputError, problems_of
from flows.spec.subject import SubjectSpec
from flows.spec_run import record
from storage.catalog import views, writes
from storage.catalog.records import CellDetail
from tests.flows.conftest import MakeCells

PIP = Facts("pip", "bear", "natural", "a bear", "aa" * 32, "bb" * 32)
MOMO = replace(PIP, name="momo", reference_sha256="cc" * 32)
ELLIPSE = Image.new("L", (64, 64))
ImageDraw.Draw(ELLIPSE).ellipse((16, 6, 48, 60), fill=255)
PROMPTS = ("a {subject} on the beach", "a {subject} in the snow")


def spec_of(subjects: Sequence[Any] = ({"name": "pip"},), **fields: Any) -> Spec:
    given: dict[str, Any] = {"prompts": PROMPTS, "seeds": (1, 2), "score": (), "sampling": {"steps": 2}} | fields
    return Spec.model_validate({"name": "t", "subjects": tuple(subjects), **given})


def setup_of(pictures: GeneratedPictures | None) -> GenerationSetup:
    return GenerationSetup("ff" * 32, {"natural": Sampling()}, pictures=pictures)


def seeing(spec: Spec, **more: Any) -> GeneratedPictures:
    return GeneratedPictures({"natural": ("plain", "1")}, edit=spec.edit, consistency=spec.consistency, **more)


def digests(cells: Sequence[PlannedCell]) -> list[str]:
    return [cell.digest for cell in cells]


WRONG: Sequence[tuple[dict[str, Any], str]] = (
    ({"edit": {}}, "edit.output: is missing"),
    ({"edit": {"output": 0}}, "edit.output: 0 is no picture; numbers begin with 1"),
    ({"edit": {"output": 1.5}}, "edit.output: must be the number of a picture or the digest of its cell, not 1.5"),
    ({"edit": {"output": "pip.png"}}, "edit.output: 'pip.png' is no picture; write its number"),
    ({"edit": {"output": 1, "weight": -1}}, "edit.weight: is -1"),
    ({"edit": {"output": 1, "mask": [0, 0, 2, 1]}}, "edit.mask: [0, 0, 2, 1] is no box in the image"),
    ({"edit": {"output": 1, "mask": 7}}, "edit.mask: must be a box such as"),
    ({"edit": {"output": 1, "keep": True}}, "edit.keep: unknown key"),
    ({"consistency": "much"}, "consistency: must be a weight, such as 1, or a mapping of keys to values"),
    ({"consistency": {"weight": 101}}, "consistency.weight: is 101"),
    ({"consistency": True}, "consistency: "),
    ({"subjects": ({"name": "a"}, {"name": "b"}), "edit": {"output": 1}}, "edit.output: is a picture of one subject"),
    (
        {"subjects": ({"name": "a"}, {"name": "b"}), "consistency": {"first": 1}},
        "consistency.first: is a picture of one subject",
    ),
    (
        {"subjects": ({"name": "a"}, {"name": "b"}), "together": ["a {a} and a {b}"], "consistency": 1},
        "consistency: images of several subjects do not see each other",
    ),
    (
        {"together": ["a {pip} alone"], "edit": {"output": 1}},
        "edit: is of a picture of one subject; remove it",
    ),
)


@pytest.mark.parametrize(("given", "said"), WRONG)
def test_what_cannot_be_is_refused_by_its_field(given: dict[str, Any], said: str) -> None:
    with pytest.raises(ValidationError) as caught:
        spec_of(**{"subjects": ({"name": "pip"},), **given})
    assert str(problems_of(caught.value, Spec)[0]).startswith(said)


def test_a_weight_alone_is_a_set_and_specs_without_are_recorded_as_ever() -> None:
    assert spec_of(consistency=0.5).consistency == spec_of(consistency={"weight": 0.5}).consistency
    assert spec_of(consistency=1).model_dump(mode="json")["consistency"] == {"weight": 1.0, "first": None}
    assert not {"edit", "consistency"} & spec_of().model_dump(mode="json").keys()


def test_cells_of_a_set_name_its_first_which_is_as_it_is_alone() -> None:
    spec = spec_of(({"name": "pip"}, {"name": "momo"}), consistency=0.5)
    alone = plan_cells(spec, [PIP, MOMO], setup_of(None))
    cells = plan_cells(spec, [PIP, MOMO], setup_of(seeing(spec)))
    for first in (0, 4):
        assert cells[first] == alone[first]
        assert cells[first].sources == {}
        for one in cells[first + 1 : first + 4]:
            seen = {"first": cells[first].digest, "masker": "plain", "masker_version": "1", "style": "natural"}
            assert one.recipe["set"] == {**seen, "weight": 0.5}
            assert one.sources == {"first": cells[first].digest}
    assert len({*digests(cells), *digests(alone)}) == 8 + 6
    again = plan_cells(spec, [MOMO], setup_of(seeing(spec)))
    assert digests(again) == digests(cells[4:]), "a subject's cells do not depend on who else is planned"
    heavier = spec_of(({"name": "pip"},), consistency=2)
    assert digests(plan_cells(heavier, [PIP], setup_of(seeing(heavier))))[1:] != digests(cells[1:4])


def test_a_weight_of_nothing_changes_no_digest() -> None:
    alone = digests(plan_cells(spec_of(), [PIP], setup_of(None)))
    for spec in (spec_of(consistency=0), spec_of(edit={"output": 1, "weight": 0})):
        assert digests(plan_cells(spec, [PIP], setup_of(seeing(spec, source="dd" * 32)))) == alone
    kept = spec_of(edit={"output": 1, "weight": 0, "keep_background": True})
    cells = plan_cells(kept, [PIP], setup_of(seeing(kept, source="dd" * 32)))
    assert not {*digests(cells)} & {*alone}, "a background is kept without its subject being seen, too"


def test_a_chosen_first_is_named_by_all_but_itself() -> None:
    spec = spec_of(consistency={"first": 3})
    alone = plan_cells(spec, [PIP], setup_of(None))
    cells = plan_cells(spec, [PIP], setup_of(seeing(spec, first=alone[2].digest)))
    assert [one.sources for one in cells] == [{"first": alone[2].digest}] * 2 + [{}] + [{"first": alone[2].digest}]
    assert cells[2] == alone[2]


def test_an_edit_is_named_by_all_and_every_part_of_it_decides_the_digest() -> None:
    box = {"output": 1, "mask": [0, 0, 0.5, 1]}
    forms = ({"output": 1}, {"output": 1, "weight": 0.5}, {"output": 1, "keep_background": True}, box)
    found = []
    for form in forms:
        spec = spec_of(edit=form)
        mask = None if spec.edit is None else spec.edit.mask
        assert not isinstance(mask, str)
        found.append(plan_cells(spec, [PIP], setup_of(seeing(spec, source="dd" * 32, mask=mask))))
        assert all(one.sources == {"edit": "dd" * 32} for one in found[-1])
    other = plan_cells(spec_of(edit=forms[0]), [PIP], setup_of(seeing(spec_of(edit=forms[0]), source="ee" * 32)))
    both = spec_of(edit=forms[0], consistency=1)
    cells = plan_cells(both, [PIP], setup_of(seeing(both, source="dd" * 32)))
    assert cells[0] == found[0][0], "the first of a set of edits is an edit"
    assert cells[1].sources == {"edit": "dd" * 32, "first": cells[0].digest}
    assert len({one for each in (*found, other) for one in digests(each)}) == 20
    stated = {"cell": "dd" * 32, "mask": [0.0, 0.0, 0.5, 1.0], "weight": 1.0}
    assert found[-1][0].recipe["edit"] == stated, "no masker decides an image whose mask is stated"


def test_the_prompt_of_a_picture_is_told_without_a_token_that_the_model_does_not_know() -> None:
    def cell(checkpoint: str | None) -> Any:
        return SimpleNamespace(prompt="a bear [S*] on the beach", settings={"checkpoint": checkpoint})

    learnt: Any = SimpleNamespace(checkpoint=lambda digest: SimpleNamespace(settings=SimpleNamespace(word="[S*]")))
    assert _caption(cell("aa"), cell("aa"), learnt) == "a bear [S*] on the beach"
    assert _caption(cell("aa"), cell(None), learnt) == "a bear on the beach"
    assert _caption(cell("aa"), cell("bb"), learnt) == "a bear on the beach"
    assert _caption(cell(None), cell("bb"), learnt) == "a bear [S*] on the beach", "then it is plain text"


class Run:
    """A subject in the catalog and its runs, whose images a worker of this process generates."""

    def __init__(self, settings: Settings, references: Path) -> None:
        self.resources = Resources.open(settings)
        self.pip = SubjectSpec(name="pip", class_word="bear", reference=str(references / "pip.png"))
        self.kept = prepare_and_store(self.pip, self.resources)

    def plan(self, **fields: Any) -> tuple[str, list[PlannedCell]]:
        spec = spec_of((self.pip,), **{"masker": "plain", **fields})
        ready = preflight(spec, self.resources)
        cells = plan_cells(spec, [self.kept.facts], ready.setup)
        with self.resources.catalog.write() as s:
            run_id = writes.start_run(s, name="t", spec=spec.model_dump(mode="json"), flow_run_id=None)
        record(spec, self.resources, ready, run_id, [self.kept], cells)
        return run_id, cells

    def cell(self, digest: str) -> CellDetail:
        with self.resources.catalog.read() as s:
            return views.cell(s, digest)

    def work(self, run_id: str) -> list[list[str]]:
        """Generate what can be claimed of a run; return what was claimed together."""
        chunks = []
        with Worker(self.resources, run_id) as worker:
            while not chunks or worker.retry_frames():
                while chunk := worker.next_chunk():
                    chunks.append(list(chunk.digests))
                    worker.claim_ahead()
                    if chunk.frame:
                        worker.flush()
                    worker.make(chunk.digests)
                worker.flush()
                if not chunks:
                    break
            self.waiting = worker.say_waiting()
        return chunks


@pytest.fixture
def run(settings: Settings, references: Path, monkeypatch: pytest.MonkeyPatch) -> Run:
    """The masker `plain` finds the same ellipse in every generated picture: the tiny model draws noise."""
    monkeypatch.setattr(PlainMasker, "cut", lambda self, image: ForegroundMask(ELLIPSE, 0.9, "", doubtful=False))
    return Run(settings, references)


@pytest.fixture
def seen(monkeypatch: pytest.MonkeyPatch) -> list[tuple[list[Reference], Background | None]]:
    """What each call of the method saw."""
    calls: list[tuple[list[Reference], Background | None]] = []

    def watched(backbone: Any, references: list[Reference], *rest: Any, **named: Any) -> list[Image.Image]:
        calls.append((list(references), named["background"]))
        return draw_cells(backbone, references, *rest, **named)

    monkeypatch.setattr(flows.execution.generate_batch, "generate", watched)
    return calls


def test_the_first_is_made_first_and_the_others_see_it_together(run: Run, seen: list[Any]) -> None:
    run_id, cells = run.plan(consistency=0.5)
    assert run.work(run_id) == [digests(cells[:1]), digests(cells[1:])]
    assert all(run.cell(one.digest).state == "generated" for one in cells)
    (alone, _), (set_, background) = seen
    assert len(alone) == 1
    assert background is None
    first = set_[1]
    assert (first.weight, first.caption, first.frame) == (0.5, cells[0].prompt, True)
    assert first.mask is not None
    assert first.mask.getbbox() is not None
    assert run.work(run_id) == [], "nothing is made again"
    for one in cells:
        recipe_of_row(run.cell(one.digest))
        assert replay(one.digest, run.resources).same


@pytest.mark.slow
def test_a_failed_first_is_said_at_the_others_which_are_left_to_be_made(
    run: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fails(*_: Any, **__: Any) -> list[Image.Image]:
        raise ValueError("no such luck")

    run_id, cells = run.plan(consistency=1)
    with monkeypatch.context() as broken:
        broken.setattr(flows.execution.generate_batch, "generate", fails)
        run.work(run_id)
    first, *others = (run.cell(one.digest) for one in cells)
    assert first.state == "failed"
    for one in others:
        assert one.state == "planned"
        assert one.failures == 0
        assert f"the first picture of its set, cell {first.digest[:12]}, is failed: ValueError: no such luck" in str(
            one.error
        )
    assert set(run.waiting) == {*digests(cells[1:])}
    run_id, _ = run.plan(consistency=1)
    run.work(run_id)
    assert {run.cell(one.digest).state for one in cells} == {"generated"}


@pytest.mark.slow
def test_killed_after_the_first_it_goes_on_with_the_others(run: Run) -> None:
    run_id, cells = run.plan(consistency=1)
    with Worker(run.resources, run_id) as worker:
        chunk = worker.next_chunk()
        assert chunk is not None
        worker.make(chunk.digests)
    assert [run.cell(one.digest).state for one in cells] == ["generated"] + ["planned"] * 3
    made = run.cell(cells[0].digest).image_sha256
    assert run.work(run_id) == [digests(cells[1:])]
    assert run.cell(cells[0].digest).image_sha256 == made


@pytest.mark.slow
def test_an_edit_sees_the_picture_and_keeps_its_background(run: Run, seen: list[Any], make_cells: MakeCells) -> None:
    _, [source, *_] = run.plan()
    make_cells([source.digest])
    output_id = run.cell(source.digest).output_id
    assert output_id is not None
    more: dict[str, Any] = {"prompts": ("a {subject} on the beach, smiling",), "seeds": (1,)}
    _, [free] = run.plan(edit={"output": output_id, "weight": 2}, **more)
    _, [kept] = run.plan(edit={"output": source.digest[:10], "weight": 0, "keep_background": True}, **more)
    make_cells([free.digest])
    make_cells([kept.digest])
    (references, none), (own, background) = seen[1:]
    assert none is None
    assert (references[1].weight, references[1].caption) == (2.0, source.prompt)
    assert len(own) == 1
    assert background is not None
    assert background.mask.tobytes() == references[1].mask.tobytes()
    with run.resources.catalog.read() as s:
        edited = views.output(s, run.cell(free.digest).output_id or 0)
        assert {role: one.output_id for role, one in edited.sources.items()} == {"edit": output_id}
        assert [one for one, _ in views.edits_of(s, output_id)] == [
            edited.output_id,
            run.cell(kept.digest).output_id,
        ]
    assert replay(kept.digest, run.resources).same


def test_a_stated_mask_of_an_edit_takes_the_place_of_the_masker(
    run: Run, seen: list[Any], make_cells: MakeCells, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    _, [source, *_] = run.plan()
    make_cells([source.digest])

    def nobody_looks(self: PlainMasker, image: Image.Image) -> ForegroundMask:
        raise AssertionError("the masker was asked")

    monkeypatch.setattr(PlainMasker, "cut", nobody_looks)
    mask = Image.new("L", (32, 32))
    ImageDraw.Draw(mask).rectangle((0, 0, 15, 31), fill=255)
    mask.save(tmp_path / "left.png")
    more: dict[str, Any] = {"prompts": ("a {subject} on the beach, smiling",), "seeds": (1,)}
    for stated in ([0, 0, 0.5, 1], str(tmp_path / "left.png")):
        _, [edit] = run.plan(edit={"output": source.digest, "mask": stated}, **more)
        make_cells([edit.digest])
        found = seen[-1][0][1].mask
        assert found.getbbox() == (0, 0, found.width // 2, found.height)
        recipe_of_row(run.cell(edit.digest))
    with run.resources.catalog.read() as s:
        edited = views.output(s, run.cell(edit.digest).output_id or 0, licences=True)
    assert [one.role for one in weights_of_output(edited, {})].count("masker") <= 1, "that of the reference alone"
    Image.new("L", (8, 8)).save(tmp_path / "black.png")
    Image.linear_gradient("L").save(tmp_path / "photo.png")
    wrong = (("black.png", "the mask is black"), ("nowhere.png", "nowhere.png"), ("photo.png", "is no mask, as most"))
    for name, said in wrong:
        with pytest.raises(InputError, match=f"edit.mask: .*{said}"):
            run.plan(edit={"output": source.digest, "mask": str(tmp_path / name)}, **more)
    Image.new("L", (48, 24), 255).save(tmp_path / "wide.png")
    run_id, _ = run.plan(edit={"output": source.digest, "mask": str(tmp_path / "wide.png")}, **more)
    with run.resources.catalog.read() as s:
        found = views.warnings_of_run(s, run_id)
    assert any(one.place == "edit.mask" and "is stretched: its sides are 48:24" in one.message for one in found)


@pytest.mark.slow
def test_forgetting_a_picture_forgets_its_edits_and_edits_of_these_but_no_set(run: Run, make_cells: MakeCells) -> None:
    run_id, cells = run.plan(consistency=1)
    run.work(run_id)
    first = run.cell(cells[0].digest).output_id
    one: dict[str, Any] = {"prompts": ("a {subject}, smiling",), "seeds": (1,)}
    edit_run, [edit] = run.plan(edit={"output": first}, **one)
    make_cells([edit.digest])
    again_run, [again] = run.plan(edit={"output": edit.digest}, **(one | {"seeds": (2,)}))
    make_cells([again.digest])
    with run.resources.catalog.write() as s:
        for each in (run_id, edit_run, again_run):
            writes.finish_run(s, each, "completed")
    with run.resources.catalog.write() as s:
        erased = writes.forget_output(s, first or 0, actor="ann")
    assert (erased.cells, erased.outputs) == (3, 3)
    assert set(erased.runs) == {run_id, edit_run, again_run}
    assert [run.cell(one.digest).state for one in cells[1:]] == ["generated"] * 3
    with run.resources.catalog.read() as s:
        assert s.connection().exec_driver_sql("SELECT COUNT(*) FROM cell_sources").scalar_one() == 0
    late, planned = run.plan(edit={"output": cells[1].digest}, **one)
    with run.resources.catalog.write() as s:
        writes.finish_run(s, late, "failed")
        writes.forget_output(s, run.cell(cells[1].digest).output_id or 0, actor="ann")
    with run.resources.catalog.read() as s:
        assert views.cell_states_of(s, digests(planned)) == {}, "an edit that is not made yet, too"


def test_pictures_that_cannot_be_seen_are_refused(run: Run, make_cells: MakeCells) -> None:
    with pytest.raises(InputError, match=r"edit.output: output '?7'? is not in the catalog"):
        run.plan(edit={"output": 7})
    _, [source, *_] = run.plan()
    with pytest.raises(InputError, match=r"edit.output: cell \w{12} has no picture"):
        run.plan(edit={"output": source.digest})
    make_cells([source.digest])
    given: dict[str, Any] = {"edit": {"output": source.digest, "keep_background": True}}
    with pytest.raises(InputError, match=r"edit\.keep_background: output 1 has 64 x 64 pixels and the images 96 x 64"):
        run.plan(**given, sampling={"steps": 2, "size": "96x64"})
    with pytest.raises(InputError, match=r"sampling\.second_pass: a second pass generates the background again"):
        run.plan(**given, sampling={"steps": 2, "second_pass": 1.5})
    lacking = r"masker: the masker birefnet, which finds the subject in the picture, needs .* dreamtuner models fetch"
    for seen in ({"edit": {"output": source.digest}}, {"consistency": 1}):
        with pytest.raises(InputError, match=lacking):
            run.plan(**seen, masker="birefnet")
    momo = spec_of((run.pip.model_copy(update={"name": "momo"}),), edit={"output": 1})
    with pytest.raises(InputError, match=r"edit\.output: output 1 shows pip, not momo"):
        preflight(momo, run.resources)


@pytest.mark.slow
def test_the_licence_of_what_made_the_picture_holds_for_its_edits(
    run: Run, monkeypatch: pytest.MonkeyPatch, make_cells: MakeCells
) -> None:
    _, [source, *_] = run.plan()
    make_cells([source.digest])
    monkeypatch.setenv("DREAMTUNER_PURPOSE", "commercial")
    run.plan(edit={"output": 1})
    with run.resources.catalog.write() as s:
        s.connection().exec_driver_sql("UPDATE profiles SET licence = 'CC-BY-NC-4.0'")
    with pytest.raises(InputError, match=r"edit\.output: base pocket: CC-BY-NC-4\.0 forbids commercial use"):
        run.plan(edit={"output": 1})


@pytest.mark.slow
def test_a_doubtful_mask_of_a_named_picture_is_a_warning_of_the_run(
    run: Run, monkeypatch: pytest.MonkeyPatch, make_cells: MakeCells
) -> None:
    _, [source, *_] = run.plan()
    make_cells([source.digest])
    sure, _ = run.plan(edit={"output": 1})
    doubtful = ForegroundMask(ELLIPSE, 0.31, "", doubtful=True)
    monkeypatch.setattr(PlainMasker, "cut", lambda self, image: doubtful)
    run_id, _ = run.plan(edit={"output": 1})
    with run.resources.catalog.read() as s:
        before, after = (views.warnings_of_run(s, each) for each in (sure, run_id))
    assert not [one for one in before if one.place == "edit.output"]
    [warning] = [one for one in after if one.place == "edit.output"]
    assert warning.subject == "pip"
    assert "finds the subject of output 1 with a confidence of only 0.31" in warning.message


@pytest.mark.slow
def test_settings_by_which_an_edit_would_not_start_as_its_picture_are_a_warning(
    run: Run, make_cells: MakeCells
) -> None:
    made = {"steps": 2, "inversion": 0.5}
    _, [source, *_] = run.plan(sampling=made)
    make_cells([source.digest])

    def said(**fields: Any) -> list[str]:
        run_id, _ = run.plan(edit={"output": 1}, **fields)
        with run.resources.catalog.read() as s:
            return [one.message for one in views.warnings_of_run(s, run_id) if one.place == "edit.output"]

    [message] = said()
    assert message.startswith("output 1 was generated with inversion 0.5 (here 0.7), so an image at its seed keeps")
    assert message.endswith("state sampling: {inversion: 0.5}")
    assert not said(sampling=made)
    assert not said(sampling={"steps": 2, "inversion": 0.1}), "it is stated, so somebody wants it"
    assert not said(seeds=(7,)), "other seeds start elsewhere anyway"


@pytest.mark.slow
def test_without_a_subject_in_the_first_the_others_are_left_and_say_so(
    run: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    empty = ForegroundMask(Image.new("L", (64, 64)), 0.0, "", doubtful=True)
    monkeypatch.setattr(PlainMasker, "cut", lambda self, image: empty)
    run_id, cells = run.plan(consistency=1)
    run.work(run_id)
    first, *others = (run.cell(one.digest) for one in cells)
    assert first.state == "generated"
    for one in others:
        assert (one.state, one.failures) == ("planned", 0)
        assert f"the masker plain finds no subject in cell {first.digest[:12]}" in str(one.error)
