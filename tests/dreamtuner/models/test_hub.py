"""Models of the hub: what is downloaded, what is compared, and what is said when it does not work."""

import json
import os
from pathlib import Path

import pytest

from dreamtuner.models.hashes import file_sha256
from dreamtuner.models.intake.add import take_in
from dreamtuner.models.intake.errors import HubError, IntakeError
from dreamtuner.models.intake.fetch import fetch
from dreamtuner.models.intake.lock import read_lock
from dreamtuner.models.profiles import get_profile
from dreamtuner.models.weights import loaded_files, weights_digest
from tests.hub_server import COMMIT, Hub, Repository

MODEL = "someone/model"
UNET = "unet/diffusion_pytorch_model.safetensors"


def test_only_what_is_loaded_is_downloaded_and_every_file_is_in_the_lock(hub: Hub, model: Path, home: Path) -> None:
    taken = take_in("mine", MODEL)
    got = {path for how, path, _ in hub.asked if how == "GET"}
    spare = {"unet/diffusion_pytorch_model.non_ema.safetensors", "model.ckpt", "README.md"}
    assert {*spare, "safety_checker/model.safetensors"} & got == set()
    (place,) = taken.lock.places
    assert (place.repository, place.commit, place.licence) == (MODEL, COMMIT, "creativeml-openrail-m")
    assert {file.path: file.sha256 for file in place.files} == {
        file.relative_to(model).as_posix(): file_sha256(file)
        for part in (*taken.profile.image_parts, "tower")
        for file in loaded_files(model / part)
    }
    assert taken.profile.licence.name == "CreativeML-OpenRAIL-M"
    taken.write(home / "profiles")
    profile = get_profile("mine")
    assert (profile.source, profile.missing()) == (f"{MODEL}@{COMMIT}", [])
    assert weights_digest(profile) == weights_digest(taken.profile)


def test_a_profile_whose_lock_is_gone_is_fetched_again_and_a_locked_one_stays_at_its_commit(
    hub: Hub, home: Path, model: Path
) -> None:
    take_in("mine", MODEL).write(home / "profiles")
    (home / "profiles" / "mine.lock.json").unlink()
    assert get_profile("mine").missing() == list(get_profile("mine").image_parts)
    assert get_profile("mine").remedy == "dreamtuner models fetch mine"
    assert fetch("mine").changed == ()
    assert get_profile("mine").missing() == []

    (model / "scheduler" / "scheduler_config.json").write_text(
        (model / "scheduler" / "scheduler_config.json").read_text() + "\n"
    )
    hub.repositories[MODEL].commit = "f" * 40
    with pytest.raises(HubError, match="has no revision '0123456789abcdef"):  # this hub forgets earlier commits
        fetch("mine")
    found = fetch("mine", update=True)
    assert found.changed == ("weights: scheduler/scheduler_config.json",)
    assert get_profile("mine").source == f"{MODEL}@{'f' * 40}"


def test_an_interrupted_download_continues(hub: Hub, home: Path, model: Path) -> None:
    data = (model / UNET).read_bytes()
    blobs = home.parent / "cache" / "models--someone--model" / "blobs"
    blobs.mkdir(parents=True)
    (blobs / f"{file_sha256(model / UNET)}.part").write_bytes(data[:100])
    take_in("mine", MODEL)
    assert ("GET", UNET, "bytes=100-") in hub.asked
    hub.asked.clear()
    take_in("mine", MODEL)
    assert [path for how, path, _ in hub.asked if how == "GET"] == ["info"]


def test_a_connection_that_breaks_off_is_taken_up_where_it_was(
    hub: Hub, home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("huggingface_hub.constants.DOWNLOAD_CHUNK_SIZE", 64)
    monkeypatch.setattr("huggingface_hub.file_download.time.sleep", lambda seconds: None)
    hub.cut[UNET] = 256
    assert take_in("mine", MODEL).profile.missing() == []
    ranges = [asked for how, path, asked in hub.asked if path == UNET and how == "GET"]
    assert ranges == [None, "bytes=256-"]


def test_a_file_with_another_sum_is_refused_and_not_kept(hub: Hub, home: Path) -> None:
    hub.wrong = {UNET}
    with pytest.raises(HubError, match=rf"{UNET} arrived with the SHA-256 .* but the hub states .* it was removed"):
        take_in("mine", MODEL)
    hub.wrong = {"vae/config.json"}
    with pytest.raises(HubError, match=r"vae/config\.json arrived with the sum"):
        take_in("mine", MODEL)
    hub.wrong = set()
    assert take_in("mine", MODEL).profile.missing() == []
    assert list((home / "profiles").glob("mine*")) == []


def test_what_the_hub_denies_is_one_sentence_with_the_remedy(
    hub: Hub, home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with pytest.raises(HubError, match=r"a/b: http.* shows no such repository; correct the name; .* set HF_TOKEN"):
        take_in("mine", "a/b")
    with pytest.raises(HubError, match="has no revision 'nope'"):
        take_in("mine", f"{MODEL}@nope")
    hub.repositories[MODEL].gated = True
    page = f"{hub.url}/{MODEL}"
    with pytest.raises(HubError, match=rf"is gated: accept its terms at {page}, set HF_TOKEN to a token"):
        take_in("mine", MODEL)
    hub.repositories[MODEL].gated, hub.repositories[MODEL].token = False, "hf_right"
    monkeypatch.setenv("HF_TOKEN", "hf_wrong")
    with pytest.raises(HubError, match=r"denies access \(401\): correct HF_TOKEN") as denied:
        take_in("mine", MODEL)
    assert "hf_wrong" not in str(denied.value)
    monkeypatch.setenv("HF_TOKEN", "hf_right")
    assert take_in("mine", MODEL).profile.missing() == []


def test_a_hub_that_does_not_answer_is_said(hub: Hub, home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("huggingface_hub.utils._http.time.sleep", lambda seconds: None)
    monkeypatch.setenv("HF_ENDPOINT", "http://127.0.0.1:9")
    with pytest.raises(HubError, match=r"127.0.0.1:9 does not answer .* or use --offline"):
        take_in("mine", MODEL)


def test_offline_uses_the_cache_and_asks_nothing(hub: Hub, home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(IntakeError, match=r"someone/model is not in .*cache, and the net is not used"):
        take_in("mine", MODEL, offline=True)
    take_in("mine", MODEL)
    hub.asked.clear()
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")
    assert take_in("mine", MODEL).profile.missing() == []
    assert take_in("mine", str(home.parent / "cache")).profile.source == f"{MODEL}@{COMMIT}"
    assert hub.asked == []
    blob = (home.parent / "cache/models--someone--model/snapshots" / COMMIT / UNET).resolve()
    blob.write_bytes(blob.read_bytes()[:-1] + b"x")
    with pytest.raises(IntakeError, match="is damaged: its SHA-256 is not"):
        take_in("mine", MODEL)


def test_variants_and_shards_are_chosen_whole(hub: Hub, home: Path, model: Path) -> None:
    unet = model / "unet" / "diffusion_pytorch_model.safetensors"
    os.rename(unet, unet.with_name("diffusion_pytorch_model.fp16.safetensors"))
    taken = take_in("mine", f"{MODEL}:fp16")
    assert taken.profile.variant == "fp16"
    assert [one.name for one in loaded_files(taken.profile.folder("unet"), "fp16") if one.suffix != ".json"] == [
        "diffusion_pytorch_model.fp16.safetensors"
    ]
    with pytest.raises(IntakeError, match=r"no weights of the variant 'bf16'; its variants are: fp16, non_ema"):
        take_in("mine", f"{MODEL}:bf16")
    with pytest.raises(IntakeError, match="unet has no weights that diffusers opens; its variants are: fp16"):
        take_in("mine", MODEL)


def test_components_of_a_profile_are_fetched_too(hub: Hub, home: Path, model: Path) -> None:
    for part, name in (("tower", "some/clip"), ("vae", "some/vae")):
        hub.repositories[name] = Repository(model / part)
    hub.repositories["some/lora"] = Repository(model / "vae")
    lora = "hub:some/lora/diffusion_pytorch_model.safetensors"
    text = f"weights: hub:{MODEL}\nclip: hub:some/clip\nvaes: {{soft: 'hub:some/vae'}}\nresolution: 64\nlicence: MIT\n"
    (home / "profiles" / "whole.yaml").write_text(text)
    lock = fetch("whole").lock
    assert [one.field for one in lock.places] == ["weights", "clip", "vaes.soft"]
    profile = get_profile("whole")
    assert (profile.tower / "config.json").is_file()
    assert (profile.vaes["soft"] / "config.json").is_file()
    (home / "profiles" / "whole.yaml").write_text(text + "loras: {a: 'hub:some/lora'}\n")
    with pytest.raises(IntakeError, match="name the file, as in hub:some/lora/FILE; its files are: diffusion_"):
        fetch("whole")
    (home / "profiles" / "whole.yaml").write_text(text + f"loras: {{a: '{lora}'}}\n")
    with pytest.raises(IntakeError, match=r"loras\.a: .* has no LoRA layers"):
        fetch("whole")


def test_a_damaged_lock_is_named(hub: Hub, home: Path) -> None:
    take_in("mine", MODEL).write(home / "profiles")
    file = home / "profiles" / "mine.lock.json"
    content = json.loads(file.read_text())
    file.write_text(json.dumps(content | {"version": 2}))
    with pytest.raises(IntakeError, match=r"mine.lock.json is damaged .* run: dreamtuner models fetch mine"):
        read_lock(file)
    with pytest.raises(Exception, match=r"mine.lock.json is damaged"):
        get_profile("mine")
