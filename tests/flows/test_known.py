"""Subjects of the catalog in specs: named alone, with the masks that people gave, and one subject to a name."""

import io
from pathlib import Path
from typing import Any

import pytest
from PIL import Image

from dreamtuner.preprocess import MASKERS, ForegroundMask
from flows.image_io import open_picture
from flows.ingestion import store_subject
from flows.ingestion.known import demand_subjects
from flows.ingestion.prepare import prepare
from flows.ingestion.store_subject import Ingested, IngestResult, prepare_and_store
from flows.planning.cells import plan_cells
from flows.planning.preview import preview
from flows.resources import Resources
from flows.settings import Settings
from flows.spec.model import Spec
from flows.spec.problems import InputError, SubjectError
from flows.spec.subject import SubjectSpec
from storage.catalog import views, writes
from storage.catalog.name_conflicts import MOST_HINTS
from storage.ingest import storing
from storage.keys import blob_key
from storage.objects import get_blob
from tests.quick_masks import quick_masks

__all__ = ["quick_masks"]


@pytest.fixture
def pip(references: Path) -> SubjectSpec:
    return SubjectSpec(name="pip", class_word="bear", reference=str(references / "pip.png"))


def mask_file(place: Path, box: tuple[int, int, int, int]) -> Path:
    mask = Image.new("L", (64, 64))
    mask.paste(255, box)
    mask.save(place)
    return place


ONE, OTHER = (16, 6, 48, 60), (18, 8, 46, 58)


def paint(settings: Settings, kept: Ingested, box: tuple[int, int, int, int] = ONE, who: str = "ann") -> str:
    """What the dashboard does with a painted mask."""
    mask, buffer = Image.new("L", (64, 64)), io.BytesIO()
    mask.paste(255, box)
    mask.save(buffer, "PNG")
    pieces = ((buffer.getvalue(), "image/png"),)
    with storing(Resources.open(settings).catalog, Resources.open(settings).store, *pieces) as (s, [sha256]):
        fields: dict[str, Any] = {"confidence": 1.0, "doubtful": False, "given": "dashboard", "giver": who}
        writes.add_mask(s, reference_id=kept.reference_id, mask_sha256=sha256, method="given", **fields)
    return str(sha256)


def changed(subject: SubjectSpec, **fields: Any) -> SubjectSpec:
    return SubjectSpec.model_validate(subject.model_dump() | fields)


class Halves:
    """A masker to which the left half is the subject."""

    name, version = "halves", "2"

    def cut(self, image: Image.Image) -> ForegroundMask:
        mask = Image.new("L", image.size)
        mask.paste(255, (0, 0, image.width // 2, image.height))
        return ForegroundMask(mask, 0.9, "halves", doubtful=False)


def test_similar_names_are_looked_up_for_the_first_unknown_ones_and_the_catalog_is_read_once(
    settings: Settings, pip: SubjectSpec, monkeypatch: pytest.MonkeyPatch
) -> None:
    prepare_and_store(pip, Resources.open(settings))
    reads, read = [], views.subject_names
    monkeypatch.setattr(views, "subject_names", lambda s: reads.append("names") or read(s))
    with pytest.raises(InputError) as refused:
        demand_subjects([SubjectSpec(name=f"pip{i}") for i in range(MOST_HINTS + 9)], Resources.open(settings), "t")
    hinted = ["did you mean 'pip'?" in one.message for one in refused.value.problems]
    assert hinted == [True] * MOST_HINTS + [False] * 9
    assert reads == ["names"]


def test_a_painted_mask_stands_in_the_next_run_and_in_the_one_after(settings: Settings, pip: SubjectSpec) -> None:
    painted = paint(settings, prepare_and_store(pip, Resources.open(settings)))
    for subject in (pip, pip, SubjectSpec(name="pip")):
        kept = prepare_and_store(subject, Resources.open(settings))
        assert kept.facts.mask_sha256 == painted
        assert (kept.confidence, kept.doubtful) == (1.0, False)
    assert prepare_and_store(changed(pip, mask="auto"), Resources.open(settings)).facts.mask_sha256 != painted
    assert prepare_and_store(pip, Resources.open(settings)).facts.mask_sha256 != painted


@pytest.mark.slow
def test_a_mask_of_a_spec_stands_where_a_later_spec_states_none(
    settings: Settings, pip: SubjectSpec, tmp_path: Path
) -> None:
    first = prepare_and_store(changed(pip, mask=str(mask_file(tmp_path / "one.png", ONE))), Resources.open(settings))
    assert prepare_and_store(pip, Resources.open(settings)).facts.mask_sha256 == first.facts.mask_sha256
    second = prepare_and_store(
        changed(pip, mask=str(mask_file(tmp_path / "other.png", OTHER))), Resources.open(settings)
    )
    assert second.facts.mask_sha256 != first.facts.mask_sha256
    assert prepare_and_store(pip, Resources.open(settings)).facts.mask_sha256 == second.facts.mask_sha256


def test_a_spec_that_was_said_before_does_not_undo_what_was_painted_since(
    settings: Settings, pip: SubjectSpec, tmp_path: Path
) -> None:
    stated = changed(pip, mask=str(mask_file(tmp_path / "one.png", ONE)))
    first = prepare_and_store(stated, Resources.open(settings))
    painted = paint(settings, first, OTHER)
    again = prepare_and_store(stated, Resources.open(settings))
    assert again.facts.mask_sha256 == painted
    assert any("stays" in one and "ann in the dashboard" in one for one in again.warnings)
    assert (
        prepare_and_store(changed(stated, replace=True), Resources.open(settings)).facts.mask_sha256
        == first.facts.mask_sha256
    )
    painted = paint(settings, first, OTHER)
    assert (
        prepare_and_store(stated, Resources.open(settings), given="ingest").facts.mask_sha256 == first.facts.mask_sha256
    )


def test_a_mask_painted_while_a_run_looks_for_one_is_the_runs(
    settings: Settings, pip: SubjectSpec, monkeypatch: pytest.MonkeyPatch
) -> None:
    kept, painted = prepare_and_store(pip, Resources.open(settings)), []

    def slowly(*arguments: Any, **named: Any) -> Any:
        found = prepare(*arguments, **named)
        painted.append(paint(settings, kept))
        return found

    monkeypatch.setattr(store_subject, "prepare", slowly)
    assert prepare_and_store(pip, Resources.open(settings)).facts.mask_sha256 == painted[0]


def test_another_reference_gets_a_mask_of_its_own_and_the_old_one_its_painted_one(
    settings: Settings, pip: SubjectSpec, references: Path
) -> None:
    painted = paint(settings, prepare_and_store(pip, Resources.open(settings)))
    other = changed(pip, reference=str(references / "momo.png"), replace=True)
    assert prepare_and_store(other, Resources.open(settings)).facts.mask_sha256 != painted
    assert prepare_and_store(changed(pip, replace=True), Resources.open(settings)).facts.mask_sha256 == painted


def test_what_was_found_is_not_found_twice_and_keeps_its_bytes(
    settings: Settings, pip: SubjectSpec, monkeypatch: pytest.MonkeyPatch
) -> None:
    first = prepare_and_store(pip, Resources.open(settings))
    with monkeypatch.context() as patch:
        patch.setattr("flows.ingestion.masking.foreground_mask", None)
        assert prepare_and_store(pip, Resources.open(settings)) == first
    Resources.open(settings).store.delete(blob_key(first.facts.mask_sha256))
    assert prepare_and_store(pip, Resources.open(settings)) == first
    assert open_picture(get_blob(Resources.open(settings).store, first.facts.mask_sha256), "L").size == (64, 64)


def test_a_better_masker_is_offered_and_replaces_nothing_by_itself(
    settings: Settings, pip: SubjectSpec, monkeypatch: pytest.MonkeyPatch
) -> None:
    first = prepare_and_store(pip, Resources.open(settings))
    assert not any("stays in use" in one for one in first.warnings)
    better = settings.model_copy(update={"masker": "halves"})
    monkeypatch.setitem(MASKERS._ready, "halves", Halves())
    kept = prepare_and_store(pip, Resources.open(better))
    assert kept.facts.mask_sha256 == first.facts.mask_sha256
    note = "the mask found by grabcut-2 stays in use; set mask: auto to detect it again by halves-2"
    assert note in kept.warnings
    Resources.open(settings).store.delete(blob_key(first.facts.mask_sha256))
    assert prepare_and_store(pip, Resources.open(better)).facts.mask_sha256 == first.facts.mask_sha256
    again = prepare_and_store(changed(pip, mask="auto"), Resources.open(better))
    assert again.facts.mask_sha256 != first.facts.mask_sha256
    assert prepare_and_store(pip, Resources.open(better)).facts.mask_sha256 == again.facts.mask_sha256


def test_a_given_mask_that_is_lost_is_never_replaced_in_silence(settings: Settings, pip: SubjectSpec) -> None:
    painted = paint(settings, prepare_and_store(pip, Resources.open(settings)))
    Resources.open(settings).store.delete(blob_key(painted))
    with pytest.raises(SubjectError, match=r"given by ann in the dashboard.*cannot be read.*mask: auto"):
        prepare_and_store(pip, Resources.open(settings))
    assert prepare_and_store(changed(pip, mask="auto"), Resources.open(settings)).facts.mask_sha256 != painted


def test_a_name_alone_means_what_the_catalog_has(settings: Settings, pip: SubjectSpec, tmp_path: Path) -> None:
    whole = changed(pip, style="anime", caption="a bear, sitting", mask=str(mask_file(tmp_path / "m.png", ONE)))
    kept = prepare_and_store(whole, Resources.open(settings))
    Path(pip.reference or "").unlink()
    assert prepare_and_store(SubjectSpec(name="pip"), Resources.open(settings)) == kept
    known = None if kept is None else _stored(settings)
    assert prepare(SubjectSpec(name="pip"), Resources.open(settings), known).facts == kept.facts


def _stored(settings: Settings) -> Any:
    from flows.ingestion.known import stored_subject

    return stored_subject("pip", Resources.open(settings))


def test_the_cells_of_a_name_are_those_of_the_whole_entry(settings: Settings, pip: SubjectSpec) -> None:
    grid: dict[str, Any] = {"name": "trip", "prompts": ("a {subject}",), "seeds": (1, 2), "score": ()}
    prepare_and_store(pip, Resources.open(settings))
    both = [preview(Spec(subjects=(one,), **grid), Resources.open(settings)) for one in (pip, SubjectSpec(name="pip"))]
    assert len(both[0].cells) == 2
    assert both[0].cells == both[1].cells


def refused(subjects: list[SubjectSpec], settings: Settings) -> str:
    with pytest.raises(InputError) as caught:
        demand_subjects(subjects, Resources.open(settings), "spec 'trip'")
    return str(caught.value)


def test_an_unknown_name_is_refused_with_close_ones(settings: Settings, pip: SubjectSpec) -> None:
    assert "subjects[0].name: the catalog has no subject 'bolt'" in refused([SubjectSpec(name="bolt")], settings)
    assert not settings.home.exists(), "a look wrote something"
    prepare_and_store(pip, Resources.open(settings))
    said = refused([pip, SubjectSpec(name="Pib")], settings)
    assert "subjects[1].name: the catalog has no subject 'Pib'; did you mean 'pip'?" in said


def test_another_subject_under_a_name_stops_the_run_before_anything_is_written(
    settings: Settings, pip: SubjectSpec, references: Path
) -> None:
    kept = prepare_and_store(pip, Resources.open(settings))
    robot = changed(pip, class_word="robot", reference=str(references / "momo.png"))
    said = refused([robot], settings)
    assert "subjects[0].name: 'pip' is already the name of a bear" in said
    assert "'bear' there, 'robot' here" in said
    assert "reference (" in said
    assert "replace: true" in said
    with pytest.raises(InputError, match="already the name of a bear"):
        preview(Spec(name="b", subjects=(robot,), prompts=("a {subject}",), seeds=(1,)), Resources.open(settings))
    with pytest.raises(SubjectError, match="already the name of a bear"):
        prepare_and_store(robot, Resources.open(settings))
    with Resources.open(settings).catalog.read() as s:
        assert views.subject_assets(s, "pip").reference_id == kept.reference_id
    demand_subjects([changed(robot, replace=True), changed(pip, name="other")], Resources.open(settings), "spec")
    assert prepare_and_store(changed(robot, replace=True), Resources.open(settings)).subject_id == kept.subject_id
    assert "'pip' is already the name of a robot" in refused([pip], settings)


def test_two_who_enter_a_new_name_at_once_are_told_apart(
    settings: Settings, pip: SubjectSpec, references: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    robot = changed(pip, class_word="robot", reference=str(references / "momo.png"))
    prepared = prepare(robot, Resources.open(settings), None)
    prepare_and_store(pip, Resources.open(settings))
    with pytest.raises(SubjectError, match="already the name of a bear"):
        store_subject.store_prepared(prepared, Resources.open(settings))


def test_a_caption_of_a_spec_is_its_own_and_the_catalog_keeps_the_first(settings: Settings, pip: SubjectSpec) -> None:
    prepare_and_store(changed(pip, caption="a bear, sitting"), Resources.open(settings))
    other = prepare_and_store(changed(pip, caption="a bear"), Resources.open(settings))
    assert other.facts.caption == "a bear"
    assert any("the catalog keeps 'a bear, sitting'" in one for one in other.warnings)
    assert prepare_and_store(SubjectSpec(name="pip"), Resources.open(settings)).facts.caption == "a bear, sitting"
    assert prepare_and_store(pip, Resources.open(settings)).facts.caption == "a photo of a bear"


def test_a_stated_mask_that_cannot_be_meant_is_doubted_and_stays_doubted(
    settings: Settings, pip: SubjectSpec, tmp_path: Path
) -> None:
    inverted = Image.eval(Image.open(mask_file(tmp_path / "m.png", ONE)), lambda value: 255 - value)
    inverted.save(tmp_path / "m.png")
    kept = prepare_and_store(changed(pip, mask=str(tmp_path / "m.png")), Resources.open(settings))
    assert kept.doubtful
    assert kept.confidence < 1
    assert any("border" in one for one in kept.warnings)
    assert prepare_and_store(pip, Resources.open(settings)).warnings == kept.warnings


def test_a_painted_mask_that_nobody_judged_is_judged_by_the_next_run(settings: Settings, pip: SubjectSpec) -> None:
    paint(settings, prepare_and_store(pip, Resources.open(settings)), (1, 1, 12, 12))
    kept = prepare_and_store(pip, Resources.open(settings))
    assert kept.doubtful
    assert any("contradicts" in one for one in kept.warnings)
    with Resources.open(settings).catalog.read() as s:
        assert views.subject_assets(s, "pip").doubtful


def test_an_alpha_channel_that_says_nothing_is_no_mask_and_is_told(
    settings: Settings, pip: SubjectSpec, references: Path
) -> None:
    plain = prepare_and_store(pip, Resources.open(settings))
    picture = Image.open(references / "pip.png").convert("RGBA")
    picture.putalpha(254)
    picture.save(references / "nearly.png")
    kept = prepare_and_store(
        changed(pip, name="nearly", reference=str(references / "nearly.png")), Resources.open(settings)
    )
    assert kept.facts.mask_sha256 == plain.facts.mask_sha256
    assert any("alpha channel marks no subject" in one for one in kept.warnings)


def test_a_run_with_a_painted_mask_says_that_it_generates_anew(settings: Settings, pip: SubjectSpec) -> None:
    from flows.planning.preflight import preflight
    from flows.spec_run import record

    spec = Spec(name="trip", subjects=(pip,), prompts=("a {subject}",), seeds=(1, 2), score=())
    kept, ready = prepare_and_store(pip, Resources.open(settings)), preflight(spec, Resources.open(settings))
    before = plan_cells(spec, [kept.facts], ready.setup)
    with Resources.open(settings).catalog.write() as s:
        run = writes.start_run(s, name="trip", spec={}, flow_run_id=None)
    record(spec, Resources.open(settings), ready, run, IngestResult((kept,), {}).ingested, before)
    paint(settings, kept)
    again = prepare_and_store(pip, Resources.open(settings))
    after = plan_cells(spec, [again.facts], ready.setup)
    assert {one.digest for one in before}.isdisjoint(one.digest for one in after)
    (said,) = (one for one in again.warnings if "regenerated" in one)
    assert "given by ann in the dashboard" in said
    assert "2 earlier images" in said
    record(spec, Resources.open(settings), ready, run, (again,), after)
    assert not any("regenerated" in one for one in prepare_and_store(pip, Resources.open(settings)).warnings)


def test_a_person_who_gives_the_found_mask_again_changes_no_image(settings: Settings, pip: SubjectSpec) -> None:
    from flows.planning.preflight import preflight
    from flows.spec_run import record

    spec = Spec(name="trip", subjects=(pip,), prompts=("a {subject}",), seeds=(1, 2), score=())
    kept, ready = prepare_and_store(pip, Resources.open(settings)), preflight(spec, Resources.open(settings))
    before = plan_cells(spec, [kept.facts], ready.setup)
    with Resources.open(settings).catalog.write() as s:
        run = writes.start_run(s, name="trip", spec={}, flow_run_id=None)
    record(spec, Resources.open(settings), ready, run, IngestResult((kept,), {}).ingested, before)
    paint(settings, kept)
    # she takes the painted one back: the pixels of the found one, as her own
    with Resources.open(settings).catalog.write() as s:
        fields: dict[str, Any] = {"confidence": 1.0, "doubtful": False, "given": "dashboard", "giver": "ann"}
        sha256 = kept.facts.mask_sha256
        writes.add_mask(s, reference_id=kept.reference_id, mask_sha256=sha256, method="given", **fields)
    again = prepare_and_store(pip, Resources.open(settings))
    assert [one.digest for one in plan_cells(spec, [again.facts], ready.setup)] == [one.digest for one in before]
    assert not any("regenerated" in one for one in again.warnings)
