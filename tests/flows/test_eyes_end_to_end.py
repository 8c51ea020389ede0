"""A spec without mask, caption, pose or depth goes through with every eye on, by real backends on small models."""

import shutil
from pathlib import Path
from typing import Any

import pytest
from PIL import Image
from skimage import data

from dreamtuner.models.auxiliary import AUXILIARY
from dreamtuner.models.auxiliary.fetch import fetch_auxiliary
from dreamtuner.models.intake.sources import hub_source
from flows.catalog import catalog
from flows.ingestion.store_subject import prepare_and_store
from flows.planning.preview import preview
from flows.resources import Resources
from flows.settings import Settings
from flows.spec.model import Spec
from flows.spec.subject import SubjectSpec
from storage.catalog import views
from storage.maintenance.verify import Finding, verify
from tests.auxiliary_models import in_cache, write_blip, write_depth_anything
from tests.flows.conftest import led_settings, prefect_api
from tests.onnx_files import write_channel_mean
from tests.onnx_graphs import write_rtmpose, write_yolox

__all__ = ["led_settings", "prefect_api"]

MODELS = ("anime-seg", "blip-base", "depth-anything-v2-small", "dwpose")


@pytest.fixture
def fetched(led_settings: Settings, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The four models, fetched from a hub's cache on this disk."""
    cache = tmp_path / "hub"
    monkeypatch.setenv("HF_HUB_CACHE", str(cache))
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")
    folders = {name: in_cache(cache, hub_source(AUXILIARY[name].source).repository) for name in MODELS}
    write_channel_mean(folders["anime-seg"] / hub_source(AUXILIARY["anime-seg"].source).path)
    write_blip(folders["blip-base"])
    write_depth_anything(folders["depth-anything-v2-small"])
    write_yolox(folders["dwpose"] / "yolox_l.onnx", bias=-3.0)
    write_rtmpose(folders["dwpose"] / "dw-ll_ucoco_384.onnx", gain=0.2)
    for name in MODELS:
        fetch_auxiliary(name)
    return cache


def order(folder: Path, layouts: Path, **more: Any) -> Spec:
    Image.fromarray(data.astronaut()[:, :400]).save(folder / "eileen.png")
    Image.fromarray(data.chelsea()[:300, 100:400]).resize((128, 128)).save(folder / "chelsea.png")
    subjects = [
        {"name": name, "class_word": word, "reference": str(folder / f"{name}.png")}
        for name, word in (("eileen", "woman"), ("chelsea", "cat"))
    ]
    eyes = {"masker": "anime", "captioner": "blip"}
    eyes |= {"estimators": {"pose": "dwpose", "depth": "depth-anything-v2-small"}}  # type: ignore[dict-item]
    grid = {"poses": [str(layouts / "stand.png")], "depth": [str(layouts / "near.png")], "sampling": {"steps": 2}}
    given = {"name": "eyes", "subjects": subjects, "prompts": ["a {subject}"], "seeds": [1], "score": []}
    return Spec.model_validate({**given, **grid, **eyes, **more})


def seen(name: str) -> dict[str, Any]:
    with Resources.open().catalog.read() as s:
        (reference,) = views.subject(s, views.subject_id(s, name)).references
    found: dict[str, Any] = {"mask": reference.masks[0]}
    for one in reference.annotations:
        found.setdefault(one.kind, one)
    return found


@pytest.mark.slow
@pytest.mark.usefixtures("prefect_api")
def test_a_spec_goes_through_with_every_eye_on_and_the_catalog_says_who_saw_what(
    fetched: Path, led_settings: Settings, tmp_path: Path, layouts: Path
) -> None:
    spec = order(tmp_path, layouts)
    assert preview(spec, Resources.open()).missing() == 2
    assert not led_settings.home.joinpath("catalog.db").exists()
    first = catalog(spec)
    assert (first.made, first.skipped, first.failed) == (2, 0, 0)
    for name, word in (("eileen", "woman"), ("chelsea", "cat")):
        found = seen(name)
        assert {kind: one.method.rsplit("-", 2)[0] for kind, one in found.items()} == {
            "mask": "anime",
            "caption": "blip",
            "pose": "dwpose",
            "depth": "depth-anything-v2-small",
        }
        licences = {kind: one.licence for kind, one in found.items()}
        assert licences == dict.fromkeys(found, "Apache-2.0") | {"caption": "BSD-3-Clause"}
        assert {one.given for one in found.values()} == {"found"}
        assert found["caption"].text.startswith(f"a photo of a {word}")
        assert 0 <= found["caption"].confidence <= 1
        assert found["depth"].image_sha256 is not None
    with Resources.open().catalog.read() as s:
        (cell, _) = [views.cell(s, one.digest) for one in views.cells_of_run(s, first.run)]
    assert cell.settings["caption"] == seen("eileen")["caption"].text
    assert (cell.reference_depth, cell.reference_pose) == tuple(
        seen("eileen")[kind].image_sha256 for kind in ("depth", "pose")
    )
    assert cell.reference_pose is not None
    shutil.rmtree(fetched)  # whatever looked now would fail
    second = catalog(spec)
    assert (second.made, second.skipped, second.failed) == (0, 2, 0)
    corrected = SubjectSpec(
        name="eileen", class_word="woman", reference=str(tmp_path / "eileen.png"), caption="a photo of my {subject}"
    )
    prepare_and_store(corrected, Resources.open(), given="ingest")
    third = catalog(spec)
    assert (third.made, third.skipped, third.failed) == (1, 1, 0)
    assert seen("eileen")["caption"].text == "a photo of my {subject}"
    assert seen("eileen")["pose"].image_sha256 == cell.reference_pose
    with Resources.open().catalog.read() as s:
        (cell, _) = [views.cell(s, one.digest) for one in views.cells_of_run(s, third.run)]
    assert cell.settings["caption"] == "a photo of my woman"
    assert catalog(spec).made == 0
    found: list[Finding] = []
    verify(Resources.open().catalog, Resources.open().store, found.append, settle_seconds=0)
    assert found == []
