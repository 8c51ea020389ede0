"""Auxiliary models from the hub: what is downloaded and locked, and what another lock or a newer commit does to it."""

import shutil
from pathlib import Path

import pytest

from dreamtuner.models.auxiliary import auxiliary_digest, auxiliary_place, missing_auxiliaries
from dreamtuner.models.auxiliary.fetch import fetch_auxiliary
from dreamtuner.models.auxiliary.place import auxiliary_lock
from dreamtuner.models.intake.errors import HubError, IntakeError
from dreamtuner.models.intake.lock import read_lock
from dreamtuner.models.intake.remove import remove
from dreamtuner.models.weights import WeightsMissingError
from dreamtuner.plugins import UnknownNameError
from tests.hub_server import COMMIT, Hub, Repository
from tests.light_models import clip, written

DINO, HEAD = "facebook/dino-vits16", "trl-lib/ddpo-aesthetic-predictor"


@pytest.fixture
def dino(hub: Hub, tmp_path: Path) -> Path:
    folder = tmp_path / "dino"
    written(folder, "config.json", {"model_type": "vit"})
    written(folder, "preprocessor_config.json", {})
    for spare in ("README.md", "tf_model.h5", "flax_model.msgpack"):
        (folder / spare).write_text("not loaded")
    (folder / "pytorch_model.bin").write_bytes(b"PK weights")
    hub.repositories[DINO] = Repository(folder, licence="apache-2.0")
    return folder


def test_what_is_loaded_is_downloaded_and_locked_with_the_pages_licence(hub: Hub, home: Path, dino: Path) -> None:
    lock, changed = fetch_auxiliary("dino-vits16")
    (place,) = lock.places
    assert (place.repository, place.commit, place.licence, changed) == (DINO, COMMIT, "apache-2.0", ())
    loaded = ["config.json", "preprocessor_config.json", "pytorch_model.bin"]
    assert [one.path for one in place.files] == loaded
    assert {path for how, path, _ in hub.asked if how == "GET"} == {"info", *loaded}
    assert read_lock(home / "models" / "dino-vits16.lock.json") == lock
    assert auxiliary_place("dino-vits16") == place.folder
    digest = auxiliary_digest("dino-vits16")
    assert fetch_auxiliary("dino-vits16", offline=True)[1] == ()

    (dino / "config.json").write_text('{"model_type": "vit", "qkv_bias": true}')
    hub.repositories[DINO].commit = "f" * 40
    with pytest.raises(HubError, match="has no revision"):
        fetch_auxiliary("dino-vits16")
    assert auxiliary_digest("dino-vits16") == digest, "a failed fetch changes nothing"
    assert fetch_auxiliary("dino-vits16", update=True)[1] == ("weights: config.json",)
    assert auxiliary_digest("dino-vits16") != digest


def test_a_single_file_is_downloaded_alone(hub: Hub, home: Path, tmp_path: Path) -> None:
    folder = tmp_path / "head"
    folder.mkdir()
    for name in ("aesthetic-model.pth", "README.md", "config.json"):
        (folder / name).write_text(name)
    hub.repositories[HEAD] = Repository(folder, licence=None)
    lock, _ = fetch_auxiliary("aesthetic-l14")
    assert [one.path for one in lock.places[0].files] == ["aesthetic-model.pth"]
    place = auxiliary_place("aesthetic-l14")
    assert place is not None
    assert place.read_text() == "aesthetic-model.pth"
    (folder / "aesthetic-model.pth").unlink()
    with pytest.raises(IntakeError, match=r"it has no file aesthetic-model.pth; its files are: README.md, config.json"):
        fetch_auxiliary("aesthetic-l14", update=True)


def test_files_that_another_model_is_locked_to_stay(hub: Hub, home: Path, tmp_path: Path) -> None:
    folder = clip(tmp_path / "clip")
    written(folder, "config.json", {"model_type": "clip"})
    for name in ("openai/clip-vit-base-patch32", "openai/clip-vit-large-patch14"):
        hub.repositories[name] = Repository(folder)
    for name in ("clip-vit-b32", "clip-vit-l14"):
        fetch_auxiliary(name)
    other = auxiliary_place("clip-vit-l14")  # a copy of the repository, with the same commit
    shutil.copy(auxiliary_lock("clip-vit-b32"), auxiliary_lock("dino-vits16"))
    place = auxiliary_place("clip-vit-b32")
    assert place is not None
    assert other is not None
    assert remove("clip-vit-b32", weights=True).removed == (auxiliary_lock("clip-vit-b32"),)
    assert place.exists()
    assert remove("dino-vits16", weights=True).freed > 0
    assert (place.exists(), other.exists()) == (False, True)
    assert remove("clip-vit-l14", weights=True).freed > 0
    assert not other.exists()
    with pytest.raises(IntakeError, match="the model 'clip-vit-l14' is not fetched"):
        remove("clip-vit-l14")


def test_a_name_that_is_not_known_is_answered_with_those_that_are() -> None:
    with pytest.raises(UnknownNameError, match=r"no auxiliary model 'dino'; choose one of: clip-vit-b32, "):
        fetch_auxiliary("dino")


def test_of_a_repository_of_files_those_that_are_loaded_are_downloaded(hub: Hub, home: Path, tmp_path: Path) -> None:
    folder = tmp_path / "pose"
    folder.mkdir()
    loaded = ["dw-ll_ucoco_384.onnx", "yolox_l.onnx"]
    for name in (*loaded, "dw-tt_ucoco.onnx", "README.md"):
        (folder / name).write_text(name)
    hub.repositories["yzd-v/DWPose"] = Repository(folder, licence="apache-2.0")
    lock, _ = fetch_auxiliary("dwpose")
    assert [one.path for one in lock.places[0].files] == loaded
    assert {path for how, path, _ in hub.asked if how == "GET"} == {"info", *loaded}
    place = auxiliary_place("dwpose")
    assert place is not None
    digest = auxiliary_digest("dwpose")
    (place / "README.md").write_text("not loaded")
    assert auxiliary_digest("dwpose") == digest
    (place / "yolox_l.onnx").unlink()
    with pytest.raises(WeightsMissingError, match=r"dwpose lacks yolox_l\.onnx in .*; get it with: dreamtuner models"):
        auxiliary_digest("dwpose")
    assert missing_auxiliaries(["dwpose"])[0].startswith("the model dwpose, which lacks yolox_l.onnx in ")
    (folder / "yolox_l.onnx").unlink()
    with pytest.raises(IntakeError, match=r"it has no file yolox_l\.onnx; its files are"):
        fetch_auxiliary("dwpose", update=True)
