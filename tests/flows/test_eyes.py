"""What eyes see of a reference is stored once, with its origin; a person's word stays."""

from pathlib import Path
from types import ModuleType
from typing import Any

import pytest
from PIL import Image
from prefect.states import Failed
from pydantic import ValidationError

from deploy.cli.annotations import seen_json
from dreamtuner.models.weights import WeightsMissingError
from flows.ingest import ingest_subject
from flows.ingestion.choice import StatedEyes, ingestion_choice, stated_eyes
from flows.ingestion.store_subject import Ingested, prepare_and_store
from flows.planning.preflight import demand_models
from flows.resources import Resources
from flows.settings import Settings, SettingsError
from flows.spec.model import Spec
from flows.spec.problems import InputError, SubjectError
from flows.spec.subject import SubjectSpec
from storage.catalog import views, writes
from storage.catalog.records import AnnotationFacts, CellRecord
from tests.flows.conftest import draw_references, pose_picture
from tests.flows.eyes import eyed_profile, install_eyes
from tests.seams.outside import Outside, outside

__all__ = ["outside"]

ALL = ["mask", "caption", "depth", "pose"]


@pytest.fixture
def eyes(outside: Outside, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> ModuleType:
    monkeypatch.setenv("DREAMTUNER_HOME", str(tmp_path / "home"))
    eyed_profile(tmp_path / "home", tmp_path / "weights")
    eyed_profile(tmp_path / "home", tmp_path / "weights", eyes=False, name="blind")
    draw_references(tmp_path)
    return install_eyes(outside)


@pytest.fixture
def pip(tmp_path: Path) -> SubjectSpec:
    return SubjectSpec(name="pip", class_word="bear", reference=str(tmp_path / "references" / "momo.png"))


def ingested(subject: SubjectSpec, profile: str | None = "eyed", **more: Any) -> Ingested:
    return prepare_and_store(subject, Resources.open(), profile=profile, **more)


def changed(subject: SubjectSpec, **fields: Any) -> SubjectSpec:
    return SubjectSpec.model_validate(subject.model_dump() | fields)


def current(one: Ingested) -> dict[str, AnnotationFacts]:
    return {seen.kind: seen for seen in one.annotations}


def use(one: Ingested, pose: str | None = None) -> None:
    """Plan an image of it."""
    with Resources.open().catalog.write() as s:
        profile = writes.add_profile(s, name="pocket", weights_digest="w")
        run = writes.start_run(s, name="trip", spec={}, flow_run_id=None)
        cell = CellRecord(
            digest="0" * 64,
            subject_id=one.subject_id,
            reference_id=one.reference_id,
            mask_id=one.mask_id,
            profile_id=profile,
            prompt="a bear",
            pose=pose,
            seed=1,
            settings={"caption": one.facts.caption},
        )
        writes.plan_cells(s, run, [cell])


def correct(one: Ingested, **fields: Any) -> None:
    """What the dashboard does with a correction."""
    with Resources.open().catalog.write() as s:
        about: dict[str, Any] = {"method": "given", "given": "dashboard", "giver": "ann"}
        writes.add_annotation(s, reference_id=one.reference_id, **about, **fields)


def test_every_eye_looks_once_and_a_correction_stays(eyes: ModuleType, pip: SubjectSpec) -> None:
    first = ingested(pip)
    assert sorted(eyes.LOOKS) == sorted(ALL)
    seen = current(first)
    assert {kind: (one.method, one.given, one.confidence) for kind, one in seen.items()} == {
        "caption": ("counting-captioner-1", "found", 0.7),
        "depth": ("counting-depth-1", "found", None),
        "pose": ("counting-pose-1", "found", 0.6),
    }
    assert seen["caption"].licence == "BSD-3-Clause"
    assert (seen["caption"].text, first.confidence) == ("a photo of a bear of 128 0 128", 0.9)
    assert first.facts.caption == seen["caption"].text
    assert first.facts.layouts == {kind: seen[kind].image_sha256 for kind in ("pose", "depth")}
    for again in (pip, SubjectSpec(name="pip")):
        assert ingested(again).facts == first.facts
        assert ingested(again, "blind").facts == first.facts
    correct(first, kind="caption", text="{style} of my {subject}")
    corrected = ingested(pip)
    assert corrected.facts.caption == "photo of my bear"
    assert current(corrected)["caption"].giver == "ann"
    with Resources.open().catalog.read() as s:
        (reference,) = views.subject(s, first.subject_id).references
    listed = [(one["kind"], one["method"], one["given"], one["current"]) for one in seen_json(reference)]
    assert listed == [
        ("mask", "counting-masker-1", "found", True),
        ("caption", "given", "dashboard", True),
        ("caption", "counting-captioner-1", "found", False),
        ("depth", "counting-depth-1", "found", True),
        ("pose", "counting-pose-1", "found", True),
    ]
    assert corrected.facts.layouts == first.facts.layouts
    assert sorted(eyes.LOOKS) == sorted(ALL)


def test_another_subject_with_the_same_picture_is_not_looked_at_again(eyes: ModuleType, pip: SubjectSpec) -> None:
    first = ingested(pip)
    eyes.LOOKS.clear()
    same = ingested(changed(pip, name="pippa"))
    assert eyes.LOOKS == []
    assert (same.facts.caption, same.facts.layouts) == (first.facts.caption, first.facts.layouts)
    assert (same.facts.mask_sha256, same.confidence) == (first.facts.mask_sha256, first.confidence)
    other = ingested(changed(pip, name="roo", class_word="rabbit"))
    assert eyes.LOOKS == ["caption"]  # it begins with the class word
    assert other.facts.caption == "a photo of a rabbit of 128 0 128"


def test_a_reference_that_images_were_made_from_keeps_what_it_has(eyes: ModuleType, pip: SubjectSpec) -> None:
    use(ingested(pip, "blind"))
    eyes.LOOKS.clear()
    kept = ingested(pip)
    assert eyes.LOOKS == []
    assert (kept.facts.caption, kept.facts.layouts, kept.annotations) == ("a photo of a bear", {}, ())
    assert [one for one in kept.warnings if "counting" in one] == [
        "the caption 'a photo of a bear' stays in use; set caption: auto to have it written by counting-captioner-1",
        "the reference has no depth of its own; set depth: auto to estimate it by counting-depth",
        "the reference has no pose of its own; set pose: auto to estimate it by counting-pose",
    ]
    asked = ingested(changed(pip, mask="auto", caption="auto", depth="auto", pose="auto:counting-pose"))
    assert sorted(eyes.LOOKS) == ["caption", "depth", "pose"]  # the same masker found the mask before
    assert asked.facts.caption == "a photo of a bear of 128 0 128"
    assert set(asked.facts.layouts) == {"pose", "depth"}
    assert ingested(pip, "blind").facts == asked.facts


def test_nothing_found_is_remembered(eyes: ModuleType, pip: SubjectSpec, tmp_path: Path) -> None:
    red = changed(pip, reference=str(tmp_path / "references" / "pip.png"))
    first, second = ingested(red), ingested(red)
    assert eyes.LOOKS.count("pose") == 1
    for one in (first, second):
        assert set(one.facts.layouts) == {"depth"}
        assert "nobody is there" in one.warnings


def test_control_images_that_are_given_are_the_references_own(
    eyes: ModuleType, pip: SubjectSpec, tmp_path: Path
) -> None:
    for lean in (0, 4, 8):
        pose_picture(lean).save(tmp_path / f"{lean}.png")
    given = changed(pip, pose=str(tmp_path / "0.png"))
    first = ingested(given, "blind")
    assert (current(first)["pose"].given, current(first)["pose"].method) == ("spec", "user")
    assert ingested(pip, "blind").facts.layouts == first.facts.layouts
    assert ingested(changed(pip, pose="none")).facts.layouts.keys() == {"depth"}
    second = ingested(changed(pip, pose=str(tmp_path / "4.png")), "blind")
    assert ingested(pip, "blind").facts.layouts == second.facts.layouts != first.facts.layouts
    correct(second, kind="pose", image_sha256=first.facts.layouts["pose"])
    assert ingested(pip, "blind").facts.layouts["pose"] == first.facts.layouts["pose"]
    before = ingested(changed(pip, pose=str(tmp_path / "4.png")), "blind")
    assert before.facts.layouts["pose"] == first.facts.layouts["pose"]
    [note] = [one for one in before.warnings if one.startswith("the pose in the spec was given before")]
    assert "given by ann in the dashboard" in note
    insisting = ingested(changed(pip, pose=str(tmp_path / "4.png"), replace=True), "blind")
    assert insisting.facts.layouts["pose"] == second.facts.layouts["pose"]
    by_hand = ingested(changed(pip, pose=str(tmp_path / "8.png")), "blind", given="ingest")
    assert current(by_hand)["pose"].given == "ingest"
    assert eyes.LOOKS.count("pose") == 0


def test_what_changes_images_that_are_there_is_said(eyes: ModuleType, pip: SubjectSpec, tmp_path: Path) -> None:
    pose_picture(4).save(tmp_path / "own.png")
    first = ingested(changed(pip, pose=str(tmp_path / "own.png")), "blind")
    use(first, pose=first.facts.layouts["pose"])
    [note] = [one for one in ingested(pip, "blind").warnings if "own pose is version 1" in one]
    assert "given by a person in a spec" in note
    assert "1 earlier image keeps the old one, or none" in note


def test_auto_is_no_caption() -> None:
    stated = {None: None, "auto": None, "auto:blip": None, "automobile": "automobile"}
    assert {one: SubjectSpec(name="pip", caption=one).own_caption for one in stated} == stated


@pytest.mark.parametrize("kind", ["caption", "mask", "pose"])
def test_what_has_a_field_of_its_own_is_no_other_control_image(kind: str) -> None:
    with pytest.raises(ValidationError, match=f"has a field of its own; write {kind}: instead"):
        SubjectSpec(name="pip", controls={kind: "auto"})


@pytest.mark.parametrize("field", ["masker", "captioner"])
def test_an_eye_has_a_name(pip: SubjectSpec, field: str) -> None:
    with pytest.raises(ValidationError, match=field):
        order(pip, **{field: ""})


def order(pip: SubjectSpec, **more: Any) -> Spec:
    return Spec.model_validate({"name": "t", "subjects": [pip], "prompts": ["a {subject}"], "seeds": [1], **more})


@pytest.mark.usefixtures("eyes")
def test_a_spec_comes_before_a_variable_and_a_variable_before_the_profile(
    pip: SubjectSpec, monkeypatch: pytest.MonkeyPatch
) -> None:
    profile = Resources.open().profile("eyed")
    stated = StatedEyes("grabcut", "blip", {"pose": "other"})
    assert ingestion_choice(Settings.load(), profile).masker == "counting-masker"
    monkeypatch.setenv("DREAMTUNER_MASKER", "plain")
    monkeypatch.setenv("DREAMTUNER_ESTIMATORS", "depth=depth-anything-v2-small")
    by_variable = ingestion_choice(Settings.load(), profile)
    assert (by_variable.masker, by_variable.captioner) == ("plain", "counting-captioner")
    assert by_variable.estimators == {"pose": "counting-pose", "depth": "depth-anything-v2-small"}
    by_spec = ingestion_choice(Settings.load(), profile, stated)
    assert (by_spec.masker, by_spec.captioner, by_spec.estimators["pose"]) == ("grabcut", "blip", "other")
    spec = order(pip, masker="grabcut", captioner="class-word", estimators={"openpose": "counting-pose"})
    assert stated_eyes(spec) == StatedEyes("grabcut", "class-word", {"pose": "counting-pose"})
    assert ingested(pip, stated=StatedEyes(masker="grabcut")).facts == ingested(pip).facts  # resolved once


@pytest.mark.parametrize("wrong", ["pose", "pose=", "pose=x"])
def test_a_variable_that_names_no_estimator_is_refused(wrong: str) -> None:
    with pytest.raises(SettingsError, match="DREAMTUNER_ESTIMATORS: "):
        Settings.load({"DREAMTUNER_ESTIMATORS": wrong})


@pytest.mark.usefixtures("eyes")
@pytest.mark.parametrize(
    ("fields", "own", "said"),
    [
        ({"masker": "sam"}, {}, r"masker: there is no masker 'sam'; choose one of: grabcut"),
        ({"captioner": "llava"}, {}, r"captioner: there is no captioner 'llava'; choose one of: class-word"),
        ({"estimators": {"pose": "x"}}, {}, r"estimators\.pose: there is no estimator 'x'; choose one of: .*counting"),
        pytest.param(
            {"estimators": {"pose": "counting-depth"}},
            {},
            r"estimators\.pose: .*finds depth, not pose",
            marks=pytest.mark.slow,
        ),
        pytest.param(
            {}, {"mask": "auto:sam"}, r"subjects\[0\]\.mask: there is no masker 'sam'", marks=pytest.mark.slow
        ),
        pytest.param(
            {},
            {"caption": "auto:llava"},
            r"subjects\[0\]\.caption: there is no captioner 'llava'",
            marks=pytest.mark.slow,
        ),
        ({}, {"controls": {"canny": "auto:x"}}, r"subjects\[0\]\.controls\.canny: there is no estimator 'x'"),
        ({"captioner": "blip"}, {}, r"captioner: the captioner blip needs .*dreamtuner models fetch blip-base"),
        pytest.param(
            {},
            {"caption": "auto:blip"},
            r"subjects\[0\]\.caption: .*dreamtuner models fetch blip-base",
            marks=pytest.mark.slow,
        ),
        ({"masker": "anime"}, {}, r"masker: the masker anime needs .*dreamtuner models fetch anime-seg"),
        pytest.param(
            {}, {"mask": "auto:isnet"}, r"subjects\[0\]\.mask: the masker isnet needs .*isnet", marks=pytest.mark.slow
        ),
        (
            {},
            {"depth": "auto:depth-anything-v2-small"},
            r"subjects\[0\]\.depth: .*dreamtuner models fetch depth-anything-v2-small",
        ),
    ],
)
def test_names_that_are_unknown_and_models_that_are_missing_are_refused_by_field(
    pip: SubjectSpec, fields: dict[str, Any], own: dict[str, str], said: str
) -> None:
    with pytest.raises(InputError, match=said):
        demand_models(order(changed(pip, **own), **fields), Resources.open())
    assert not Settings.load().home.joinpath("catalog.db").exists()


def test_a_missing_model_is_no_matter_where_nothing_has_to_be_looked_at(
    eyes: ModuleType, pip: SubjectSpec, tmp_path: Path
) -> None:
    ingested(pip)
    eyes.LOOKS.clear()
    spec = order(pip, captioner="blip", masker="anime", estimators={"depth": "depth-anything-v2-small"})
    demand_models(spec, Resources.open())
    assert ingested(pip, stated=stated_eyes(spec)).facts.caption == "a photo of a bear of 128 0 128"
    cut_out = Image.open(pip.reference or "").convert("RGBA")
    cut_out.putalpha(Image.new("L", (64, 64)))
    cut_out.paste((255, 0, 0, 255), (10, 10, 50, 50))
    cut_out.save(tmp_path / "alpha.png")
    demand_models(
        order(changed(pip, name="roo", reference=str(tmp_path / "alpha.png")), masker="anime"), Resources.open()
    )
    assert eyes.LOOKS == []


def test_a_plain_wall_has_no_depth_and_that_is_no_reason_to_refuse_it(
    eyes: ModuleType, pip: SubjectSpec, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr(eyes.Depth, "estimate", lambda self, image: Image.new("L", image.size))
    first = ingested(pip)
    assert "depth" not in first.facts.layouts
    assert any("single colour" in one for one in first.warnings)
    with pytest.raises(SubjectError, match=r"depth auto: .*single colour"):
        ingested(changed(pip, name="other", depth="auto", reference=str(tmp_path / "references" / "pip.png")))
    with Resources.open().catalog.read() as s:
        assert [one.kind for one in views.annotations_of(s, first.reference_id)] == ["caption", "depth", "pose"]


@pytest.mark.parametrize(
    ("error", "again"),
    [(MemoryError(), True), (SubjectError("mask: no"), False), (WeightsMissingError("the model is missing"), False)],
)
def test_only_what_is_not_the_files_fault_is_tried_again(error: Exception, again: bool) -> None:
    condition = ingest_subject.retry_condition_fn
    assert condition is not None
    assert condition(ingest_subject, None, Failed(data=error)) is again  # type: ignore[arg-type]
    assert ingest_subject.retries == 2
