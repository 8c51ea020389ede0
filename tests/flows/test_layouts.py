"""Layouts in a spec: what is refused, what is drawn, and where each is found again."""

import io
import json
import re
from hashlib import sha256
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image
from pydantic import ValidationError

from flows.catalog import catalog
from flows.execution.generate_batch import generate_together, group_by_reference
from flows.execution.recipe_rows import recipe_of_row
from flows.ingestion.layouts import read_layouts
from flows.ingestion.store_subject import prepare_and_store
from flows.planning.preflight import preflight
from flows.planning.preview import preview
from flows.resources import Resources
from flows.settings import Settings
from flows.spec.model import Spec
from flows.spec.problems import InputError, SubjectError, problems_of
from flows.spec.subject import SubjectSpec
from flows.spec.yaml_file import read_spec
from storage.catalog import views
from storage.maintenance import gc
from storage.objects import get_blob
from tests.flows.conftest import pose_picture

ROOT = Path(__file__).parents[2]


def order(references: Path, **changes: Any) -> Spec:
    pip = {"name": "pip", "class_word": "bear", "reference": str(references / "pip.png")}
    given = {"name": "t", "subjects": (pip,), "prompts": ("a {subject}",), "seeds": (1, 2), "score": ()}
    return Spec.model_validate({**given, "sampling": {"steps": 2}, **changes})


def test_one_image_twice_is_refused_by_both_places_but_not_in_a_video(
    settings: Settings, references: Path, layouts: Path
) -> None:
    (layouts / "copy.png").write_bytes((layouts / "stand.png").read_bytes())
    poses = tuple(str(layouts / name) for name in ("stand.png", "lean.png", "copy.png"))
    said = r"poses\[2\]: .*copy\.png: is the same image as poses\[0\] \(.*stand\.png\); remove one"
    with pytest.raises(InputError, match=said):
        read_layouts(order(references, poses=poses), settings, [(64, 64)])
    assert len(read_layouts(order(references, poses=poses), settings, [(64, 64)], frames=True)["pose"]) == 3


@pytest.mark.parametrize("name", ["depth", "pocket", "poses", "wave"])
def test_the_control_images_of_every_example_are_taken(settings: Settings, name: str) -> None:
    spec = read_spec(ROOT / "examples" / f"{name}.yaml", frames=name == "wave")
    found = read_layouts(spec, settings, [(64, 64)], frames=name == "wave")
    assert {kind: len(images) for kind, images in found.items()} == {
        kind: len(places) for kind, places in spec.layouts.items()
    }


@pytest.mark.parametrize(
    ("kind", "file", "said"),
    [
        ("poses", "near.png", r"poses\[1\]: .*near\.png: pose: the image is grey, .*; is it a depth map"),
        ("poses", "photo.png", r"poses\[1\]: .*photo\.png: pose: most of the image is not black"),
        ("poses", "odd.png", r"poses\[1\]: .*odd\.png: pose: the control image is 96 pixels wide, not a multiple of"),
        ("poses", "none.png", r"poses\[1\]: .*none\.png: .*cannot be read"),
        ("depth", "stand.png", r"depth\[1\]: .*stand\.png: depth: the image has colours"),
        (
            "depth",
            "https://127.0.0.1:9/a.png?key=secret",
            r"depth\[1\]: https://127\.0\.0\.1:9/a\.png\?\*{3}: .*private",
        ),
    ],
)
def test_what_does_not_fit_is_refused_by_name_before_anything_is_written(
    led_settings: Settings, references: Path, layouts: Path, kind: str, file: str, said: str
) -> None:
    place = file if "://" in file else str(layouts / file)
    with pytest.raises(InputError, match=said):
        preview(order(references, **{kind: (None, place)}), Resources.open(led_settings))
    assert not led_settings.home.exists()


def test_a_profile_without_the_controlnet_is_refused_with_the_remedy(
    settings: Settings, references: Path, layouts: Path
) -> None:
    spec = order(references, depth=(None, str(layouts / "near.png")))
    with pytest.raises(
        InputError, match=r"depth\[1\]: depth: the profile pocket has no ControlNet .*; get it with: .*"
    ):
        preflight(spec, Resources.open(settings))
    assert preflight(order(references), Resources.open(settings)).setup.controlnets == {}


@pytest.mark.parametrize(
    ("size", "said"),
    [
        (128, r"pose .*own\.png: pose: the control image is 128 x 128 pixels, the reference 64 x 64"),
        (None, "cannot be read"),
    ],
)
def test_a_references_own_layout_that_does_not_fit_stops_its_subject(
    led_settings: Settings, references: Path, size: int | None, said: str
) -> None:
    if size is not None:
        pose_picture(side=size).save(references / "own.png")
    subject = SubjectSpec(
        name="pip", class_word="bear", reference=str(references / "pip.png"), pose=str(references / "own.png")
    )
    with pytest.raises(SubjectError, match=said):
        prepare_and_store(subject, Resources.open(led_settings))


@pytest.mark.slow
@pytest.mark.usefixtures("prefect_api")
def test_a_grid_of_layouts_is_made_once_and_each_picture_names_its_own(
    led_settings: Settings, references: Path, layouts: Path
) -> None:
    pose_picture(4).save(references / "own.png")
    subject = {"name": "pip", "class_word": "bear", "reference": str(references / "pip.png")}
    poses = (None, str(layouts / "stand.png"), str(layouts / "lean.png"))
    spec = order(
        references,
        subjects=({**subject, "pose": str(references / "own.png")},),
        poses=poses,
        depth=(None, str(layouts / "near.png")),
        seeds=(1,),
    )
    assert preview(spec, Resources.open(led_settings)).missing() == 6
    first = catalog(spec)
    assert (first.made, first.skipped, first.failed) == (6, 0, 0)
    with Resources.open(led_settings).catalog.read() as s:
        cells = [views.cell(s, one.digest) for one in views.cells_of_run(s, first.run)]
    stand, lean, near, own = (
        sha256(path.read_bytes()).hexdigest()
        for path in (layouts / "stand.png", layouts / "lean.png", layouts / "near.png", references / "own.png")
    )
    assert [(one.pose, one.depth) for one in cells] == [(p, d) for p in (None, stand, lean) for d in (None, near)]
    assert [one.reference_pose for one in cells] == [None, None, own, own, own, own]
    store = Resources.open(led_settings).store
    for cell in cells:
        assert cell.image_sha256 is not None
        data = get_blob(store, cell.image_sha256)
        with Image.open(io.BytesIO(data)) as image:
            recipe = json.loads(image.info["dreamtuner"])
        assert recipe == recipe_of_row(cell)
        assert (recipe["pose"], recipe.get("depth")) == (cell.pose, cell.depth)
    assert len({one.image_sha256 for one in cells}) == 6
    assert get_blob(store, lean) == (layouts / "lean.png").read_bytes()
    gc.collect(Resources.open(led_settings).catalog, store, grace_seconds=0)
    assert all(get_blob(store, sha) for sha in (stand, lean, near, own)), "a layout in use was collected"
    again = catalog(spec)
    assert (again.made, again.skipped) == (0, 6)
    plain = catalog(spec.model_copy(update={"poses": (None,), "depth": (None,)}))
    assert (plain.made, plain.skipped) == (0, 1)
    [group] = [one for one in group_by_reference(cells) if cells[3] in one]
    again_drawn = generate_together(group, Resources.open(led_settings))[group.index(cells[3])]
    [drawn] = generate_together([cells[3]], Resources.open(led_settings))
    assert cells[3].image_sha256 is not None
    with Image.open(io.BytesIO(get_blob(store, cells[3].image_sha256))) as kept:
        assert kept.convert("RGB").tobytes() == again_drawn.tobytes()
        # alone, sums over another batch may round elsewhere
        assert np.abs(np.asarray(kept.convert("RGB"), np.int16) - np.asarray(drawn, np.int16)).max() <= 1
    assert set(Resources.open(led_settings).backbone("pocket").controlnets) == {"pose", "depth"}


@pytest.mark.usefixtures("prefect_api")
def test_a_controlnet_of_other_weights_is_another_cell(led_settings: Settings, references: Path, layouts: Path) -> None:
    spec = order(references, poses=(str(layouts / "stand.png"),), seeds=(1,))
    first = preview(spec, Resources.open(led_settings)).cells[0]
    config = Resources.open(led_settings).profile("pocket").weights / "controlnet-pose" / "config.json"
    config.write_text(config.read_text() + "\n")
    assert preview(spec, Resources(led_settings)).cells[0].digest != first.digest


@pytest.mark.slow
@pytest.mark.usefixtures("prefect_api")
def test_control_images_of_any_kind_with_weights(led_settings: Settings, references: Path, layouts: Path) -> None:
    resources = Resources.open(led_settings)
    pip = {"name": "pip", "class_word": "bear", "reference": str(references / "pip.png")}
    photo, near = str(layouts / "photo.png"), str(layouts / "near.png")
    own = {"subjects": ({**pip, "controls": {"canny": str(references / "pip.png")}},), "seeds": (1,)}
    spec = order(references, controls={"canny": (None, photo)}, depth=(near,), **own)
    run = catalog(spec)
    assert (run.made, run.failed) == (2, 0)
    with resources.catalog.read() as s:
        without, with_edges = [views.cell(s, one.digest) for one in views.cells_of_run(s, run.run)]
    drawn, reference = (sha256(Path(one).read_bytes()).hexdigest() for one in (photo, references / "pip.png"))
    assert (without.controls, without.reference_controls) == ({}, {})
    assert (with_edges.controls, with_edges.reference_controls) == ({"canny": drawn}, {"canny": reference})
    recipe = recipe_of_row(with_edges)
    assert (recipe["controls"], set(recipe["controlnets"])) == ({"canny": drawn}, {"canny", "depth"})
    assert without.image_sha256 != with_edges.image_sha256
    gc.collect(resources.catalog, resources.store, grace_seconds=0)
    assert get_blob(resources.store, drawn)
    assert (catalog(spec).made, catalog(spec).skipped) == (0, 2)

    ignored = {**spec.sampling, "control_weights": {"canny": 0, "depth": 1}}
    faint = catalog(spec.model_copy(update={"sampling": ignored, "name": "faint"}))
    assert (faint.made, faint.failed) == (2, 0)
    with resources.catalog.read() as s:
        cells = [without, *(views.cell(s, one.digest) for one in views.cells_of_run(s, faint.run))]
    pixels = []
    for cell in cells:
        with Image.open(io.BytesIO(get_blob(resources.store, str(cell.image_sha256)))) as image:
            pixels.append(np.asarray(image.convert("RGB"), np.int16))
    assert np.abs(pixels[1] - pixels[0]).max() == 0
    assert np.abs(pixels[2] - pixels[0]).max() <= 1, "residuals of weight 0 changed the picture"


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"controls": {"lineart": ("x.png",)}}, r"controls\.lineart\[0\]: .*no ControlNet .*it has depth, pose, canny"),
        ({"controls": {"pose": ("x.png",)}}, r"controls\.pose: has a field of its own; write poses: instead"),
        ({"controls": {"openpose": ("x.png",)}}, r"controls\.pose: has a field of its own"),
        ({"controls": {"Canny!": ("x.png",)}}, "is not a kind of control image"),
        ({"controls": {"canny": ("x.png", "x.png")}}, r"controls\.canny\[1\]: duplicate value"),
        (
            {"sampling": {"control_weights": {"lineart": 0.5}}},
            r"sampling\.control_weights\.lineart: .*it has depth, pose",
        ),
        ({"sampling": {"control_weights": {"pose": 3}}}, r"control_weights\.pose: is 3; give 2 or less"),
    ],
)
def test_kinds_that_cannot_be_used_are_named(
    led_settings: Settings, references: Path, changes: dict[str, Any], said: str
) -> None:
    with pytest.raises((InputError, ValidationError)) as caught:
        preview(order(references, **changes), Resources.open(led_settings))
    error = caught.value
    found = [str(error)] if isinstance(error, InputError) else [str(one) for one in problems_of(error, Spec)]
    assert re.search(said, "\n".join(found))
