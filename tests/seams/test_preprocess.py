"""Maskers, captioners and estimators of other packages: chosen by name, recorded by name and version, checked."""

import io
import json
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from dreamtuner.models.weights import WeightsMissingError
from dreamtuner.plugins import PluginError
from dreamtuner.preprocess import MASKERS, ForegroundMask, foreground_mask
from dreamtuner.preprocess.captioners import CAPTIONERS, Caption, captioned
from dreamtuner.preprocess.estimators import (
    ESTIMATORS,
    Estimate,
    NothingFoundError,
    estimate_of,
    estimated,
    estimator_of,
)
from dreamtuner.preprocess.maskers import found_by, method_of
from flows.ingestion.prepare import prepare
from flows.ingestion.prepare_reference import Prepared
from flows.planning.defaults import metric_names
from flows.resources import Resources
from flows.settings import Settings, SettingsError
from flows.spec.model import Spec
from flows.spec.problems import SubjectError
from flows.spec.subject import SubjectSpec
from flows.spec.yaml_file import read_spec
from tests.onnx_files import write_channel_mean
from tests.seams.outside import Outside, outside

__all__ = ["outside"]

EXAMPLE = Path(__file__).resolve().parents[2] / "examples" / "references" / "pip.png"


@pytest.fixture
def reference(tmp_path: Path) -> Path:
    """A dark subject that is not in the middle, on white."""
    image = Image.new("RGB", (64, 64), "white")
    image.paste("#402010", (4, 4, 40, 60))
    image.save(tmp_path / "pip.png")
    return tmp_path / "pip.png"


def prepared(reference: Path, environ: dict[str, str] | None = None, **more: str) -> Prepared:
    settings = Settings.load({"DREAMTUNER_HOME": str(reference.parent / "home"), **(environ or {})})
    return prepare(
        SubjectSpec(name="pip", class_word="bear", reference=str(reference), **more),  # type: ignore[arg-type]
        Resources.open(settings),
    )


def test_built_in_maskers_are_recorded_by_name_and_version() -> None:
    networks = ["isnet", "anime", "birefnet", "birefnet-lite", "inspyrenet"]
    assert MASKERS.names() == ["grabcut", "plain", "auto", *networks]
    assert [method_of(MASKERS[name]) for name in ("grabcut", "plain")] == ["grabcut-2", "plain-1"]


@pytest.mark.slow
def test_auto_records_the_masker_that_it_chose(reference: Path) -> None:
    assert prepared(reference).mask.method == "plain-1"
    scene = Image.open(EXAMPLE).convert("RGB")
    assert foreground_mask(scene) == foreground_mask(scene, masker=MASKERS["grabcut"])


def test_the_masker_of_the_page_finds_the_masks_of_references(outside: Outside, reference: Path) -> None:
    outside.install_page("add-a-masker.md")
    found = prepared(reference, {"DREAMTUNER_MASKER": "dark"}).mask
    assert found.method == "dark-1"
    assert np.asarray(found.mask).tolist() == np.where(np.asarray(Image.open(reference))[..., 0] < 128, 255, 0).tolist()


def test_a_profile_names_its_masker_and_a_variable_comes_before_it(outside: Outside, reference: Path) -> None:
    outside.install_page("add-a-masker.md")
    folder = reference.parent / "home" / "profiles"
    folder.mkdir(parents=True)
    own = "weights: package:dreamtuner.pocket/weights\nresolution: 64\nlicence: Apache-2.0\nmasker: dark\nscore: []\n"
    (folder / "own.yaml").write_text(own)
    subject = SubjectSpec(name="pip", class_word="bear", reference=str(reference))
    for variable, method in (("", "dark-1"), ("grabcut", "grabcut-2")):
        environ = {"DREAMTUNER_HOME": str(reference.parent / "home")}
        settings = Settings.load(environ | ({"DREAMTUNER_MASKER": variable} if variable else {}))
        resources = Resources.open(settings)
        assert prepare(subject, resources, profile="own").mask.method == method
    spec = Spec(name="t", subjects=(subject,), prompts=("a {subject}",), seeds=(1,))
    assert metric_names(spec, resources.profile("own")) == ()
    assert metric_names(spec, resources.profile("pocket")) == ("clip_i", "clip_t")
    assert metric_names(spec.model_copy(update={"score": ("clip_t",)}), resources.profile("own")) == ("clip_t",)


def test_a_masker_that_is_not_installed_is_answered_with_those_that_are() -> None:
    with pytest.raises(SettingsError, match="DREAMTUNER_MASKER: there is no 'dark'; choose one of: grabcut"):
        Settings.load({"DREAMTUNER_MASKER": "dark"})
    with pytest.raises(SettingsError, match="DREAMTUNER_CAPTIONER: there is no 'x'; choose one of: class-word"):
        Settings.load({"DREAMTUNER_CAPTIONER": "x"})


@pytest.mark.parametrize("mask", [Image.new("L", (8, 8), 255), Image.new("RGB", (64, 64)), Image.new("L", (64, 64), 7)])
def test_a_mask_that_is_none_names_its_masker(mask: Image.Image) -> None:
    class Odd:
        name, version = "odd", "1"

        def cut(self, image: Image.Image) -> ForegroundMask:
            return ForegroundMask(mask, 1.0, "odd", False)

    with pytest.raises(PluginError, match=r"the masker 'odd' gave .*it must give mode L of the image's size"):
        found_by(Odd(), Image.new("RGB", (64, 64)))


def test_the_captioner_of_the_page_captions_references_that_have_no_caption(outside: Outside, reference: Path) -> None:
    assert CAPTIONERS.names() == ["class-word", "blip-2", "florence-2", "blip", "wd14"]
    assert prepared(reference, style="anime").facts.caption == "a drawing of a bear"
    outside.install_page("add-a-captioner.md")
    chosen = {"DREAMTUNER_CAPTIONER": "light"}
    assert prepared(reference, chosen).facts.caption == "a light photo of a bear"
    assert prepared(reference, chosen, caption="my {subject}").facts.caption == "my bear"


def test_a_captioner_that_says_nothing_is_named(outside: Outside, reference: Path) -> None:
    code = "class Mute:\n    name, version = 'mute', '1'\n    def caption(self, image, **words): return ' '\n"
    outside.install("my-mutes", {"my_mutes.py": code}, {"dreamtuner.captioners": {"mute": "my_mutes:Mute"}})
    with pytest.raises(SubjectError, match="caption: the captioner 'mute' gave 0 characters"):
        prepared(reference, {"DREAMTUNER_CAPTIONER": "mute"})


def test_the_estimator_of_the_page_finds_a_references_own_depth(outside: Outside, reference: Path) -> None:
    assert ESTIMATORS.names() == ["depth-anything-v2-small", "dwpose"]
    with pytest.raises(PluginError, match="no estimator of canny is installed"):
        estimator_of("canny")
    with pytest.raises(WeightsMissingError, match=r"pose auto: .* dreamtuner models fetch dwpose"):
        prepared(reference, pose="auto")
    with pytest.raises(WeightsMissingError, match=r"depth auto: .* dreamtuner models fetch depth-anything-v2-small"):
        prepared(reference, depth="auto")
    outside.install_page("add-an-estimator.md")
    for place in ("auto", "auto:blur"):
        (layout,) = prepared(reference, depth=place).layouts
        assert (layout.kind, Image.open(io.BytesIO(layout.data)).size) == ("depth", (64, 64))
    with pytest.raises(SubjectError, match="pose auto:blur: the estimator 'blur' finds depth, not pose"):
        prepared(reference, pose="auto:blur")
    with pytest.raises(
        SubjectError, match="no estimator 'sharp'; choose one of: depth-anything-v2-small, dwpose, blur"
    ):
        prepared(reference, depth="auto:sharp")


def test_of_two_estimators_of_a_kind_one_has_to_be_named(outside: Outside) -> None:
    outside.install_page("add-an-estimator.md")
    code = "from my_estimators import BlurDepth\nclass Other(BlurDepth):\n    name = 'other'\n"
    outside.install("others", {"others.py": code}, {"dreamtuner.estimators": {"other": "others:Other"}})
    with pytest.raises(PluginError, match="several estimators of depth; write auto:blur or auto:other"):
        estimator_of("depth")
    with pytest.raises(ValueError, match="has a single colour"):
        estimated(estimator_of("depth", "other"), Image.new("RGB", (64, 64)))


@pytest.mark.parametrize(
    ("given", "found"),
    [("a  bear\n", Caption("a bear", None, "x-2")), (Caption("a bear", 0.25), Caption("a bear", 0.25, "x-2"))],
)
def test_a_captioner_may_say_how_sure_it_is(given: str | Caption, found: Caption) -> None:
    class Sure:
        name, version = "x", "2"

        def caption(self, image: object, **words: str) -> str | Caption:
            return given

    assert captioned(Sure(), lambda: Image.new("RGB", (8, 8)), class_word="bear", style_word="photo") == found


def test_an_estimator_may_say_how_sure_it_is_and_that_there_is_nothing() -> None:
    black = Image.new("RGB", (8, 8))
    skeleton = black.copy()
    skeleton.paste("red", (2, 2, 4, 4))

    class Pose:
        name, version, kind = "x", "2", "pose"

        def __init__(self, given: Image.Image | Estimate) -> None:
            self.given = given

        def estimate(self, image: Image.Image) -> Image.Image | Estimate:
            return self.given

    found = estimate_of(Pose(Estimate(skeleton, 0.5, notes=("two people",))), black)
    assert (found.confidence, found.method, found.notes) == (0.5, "x-2", ("two people",))
    assert estimate_of(Pose(skeleton), black).confidence is None
    nobody = Pose(Estimate(None, notes=("nobody is there",)))
    assert estimate_of(nobody, black) == Estimate(None, None, "x-2", ("nobody is there",))
    with pytest.raises(NothingFoundError, match="pose: nobody is there; give a control image"):
        estimated(nobody, black)
    for wrong, why in ((Estimate(skeleton, 1.5), "confidence of 1.5"), (skeleton.resize((9, 8)), "gave 9 x 8 pixels")):
        with pytest.raises(PluginError, match=why):
            estimate_of(Pose(wrong), black)


def test_what_of_a_masks_file_is_not_used_is_said_and_raises_no_doubt(reference: Path) -> None:
    mask = Image.new("L", (64, 64))
    mask.paste(255, (4, 4, 40, 60))
    buffer = io.BytesIO()
    mask.save(buffer, "PNG", exif=b"Exif\0\0nonsense that no reader understands")
    stated = foreground_mask(Image.open(reference).convert("RGB"), user_mask=buffer.getvalue())
    assert stated.notes
    assert stated.notes[0].startswith("the mask's file: the EXIF block cannot be read")
    assert (stated.confidence, stated.doubtful, stated.warnings) == (1.0, False, ())
    file = reference.with_name("mask.png")
    file.write_bytes(buffer.getvalue())
    assert prepared(reference, mask=str(file)).warnings == stated.notes


def test_auto_is_no_path(tmp_path: Path) -> None:
    subject = {"name": "pip", "class_word": "bear", "reference": "auto", "mask": "auto", "pose": "auto:x", "depth": "d"}
    spec = {"name": "trip", "subjects": [subject], "prompts": ["a {subject}"], "seeds": [1]}
    (tmp_path / "trip.yaml").write_text(json.dumps(spec))
    (read,) = read_spec(tmp_path / "trip.yaml").subjects
    assert (read.reference, read.depth) == (str(tmp_path / "auto"), str(tmp_path / "d"))
    assert (read.mask, read.pose) == ("auto", "auto:x")


def test_auto_uses_the_anime_segmenter_for_references_of_that_style(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    pytest.importorskip("onnxruntime")
    for model in ("anime_seg", "isnet"):
        write_channel_mean(tmp_path / f"{model}.onnx", side=32)
        monkeypatch.setenv(f"DREAMTUNER_{model.upper()}_WEIGHTS", str(tmp_path / f"{model}.onnx"))
    noise = Image.effect_noise((64, 64), 60).convert("RGB")
    noise.paste("white", (16, 16, 48, 60))
    noise.save(tmp_path / "tiled.png")
    for style, name in (("anime", "anime"), ("natural", "isnet")):
        assert prepared(tmp_path / "tiled.png", style=style).mask.method.startswith(f"{name}-1-")
