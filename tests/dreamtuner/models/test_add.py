"""Taking a model in: from where, under which names, and what is written."""

import json
from pathlib import Path

import pytest
import yaml

from dreamtuner.models.hashes import file_sha256
from dreamtuner.models.intake.add import take_in
from dreamtuner.models.intake.errors import IntakeError
from dreamtuner.models.intake.fetch import fetch
from dreamtuner.models.intake.lock import alone
from dreamtuner.models.intake.sources import FolderSource, HubSource, hub_source, parse_source
from dreamtuner.models.profiles import get_profile
from dreamtuner.models.weights import weights_digest
from tests.light_models import UNET, clip, stable_diffusion


def test_sources_are_repositories_folders_and_files(tmp_path: Path) -> None:
    assert parse_source("owner/na-me.1") == HubSource("owner/na-me.1")
    assert parse_source("hub:o/n@v1.0:fp16") == HubSource("o/n", revision="v1.0", variant="fp16")
    assert hub_source("o/n/sub/file.safetensors@main") == HubSource("o/n", "sub/file.safetensors")
    assert parse_source("o/n:fp16", "bf16").variant == "bf16"  # type: ignore[union-attr]
    for source in ("o/n", "o/n@v1", "o/n:fp16", "o/n/sub@x:y"):
        assert str(hub_source(source)) == source
    snapshot = stable_diffusion(tmp_path / "models--o--n" / "snapshots" / "c0ffee")
    expected = FolderSource(snapshot, None, "o/n", "c0ffee")
    assert [parse_source(str(one)) for one in (snapshot, snapshot.parents[1], tmp_path)] == [expected] * 3
    stable_diffusion(tmp_path / "models--o--other" / "snapshots" / "beef")
    with pytest.raises(IntakeError, match=r"is a cache of several models \(o/n, o/other\); give one of their folders"):
        parse_source(str(tmp_path))
    (tmp_path / "notes.md").write_text("")
    for wrong, said in (
        (str(tmp_path / "none"), "no such file or folder"),
        (str(tmp_path / "notes.md"), "is not a model; give a folder, or one of"),
        ("a/b/c d", "not a repository such as owner/name"),
        ("hub:alone", "is not a repository of the hub; write owner/name"),
    ):
        with pytest.raises(IntakeError, match=said):
            parse_source(wrong)


def test_a_folder_stays_where_it_is_and_its_facts_are_in_the_profile(home: Path, tmp_path: Path) -> None:
    folder = stable_diffusion(tmp_path / "model", side=96)
    (folder / "README.md").write_text("---\nlicense: openrail++\n---\n")
    taken = take_in("mine", str(folder), clip=str(clip(tmp_path / "clip")))
    assert taken.notes == ()
    file = taken.write(home / "profiles")
    content = yaml.safe_load(file.read_text())
    assert (content["weights"], content["resolution"], content["source"]) == (str(folder), 768, str(folder))
    profile = get_profile("mine")
    assert (profile.licence.name, profile.natural.dtype) == ("CreativeML-OpenRAIL++-M", "auto")
    assert (profile.tower, profile.sampling("anime").w_ref) == (tmp_path / "clip", 2.5)
    lock = json.loads((home / "profiles" / "mine.lock.json").read_text())
    assert [one["field"] for one in lock["places"]] == ["weights", "clip"]
    assert {"path": UNET, "bytes": (folder / UNET).stat().st_size, "sha256": file_sha256(folder / UNET)} in lock[
        "places"
    ][0]["files"]


def test_a_name_that_ships_keeps_its_numbers(home: Path, tmp_path: Path) -> None:
    shipped = get_profile("sd21")
    taken = take_in("sd21", str(stable_diffusion(tmp_path / "model")), offline=True)
    taken.write(home / "profiles")
    mine = get_profile("sd21")
    assert (mine.sizes, mine.licence, mine.natural.w_c) == (shipped.sizes, shipped.licence, shipped.natural.w_c)
    assert (mine.weights, mine.resolution) == (tmp_path / "model", 64)
    assert mine.missing() == []


def test_only_one_variant_is_found_and_another_is_refused(home: Path, tmp_path: Path) -> None:
    folder = stable_diffusion(tmp_path / "model")
    for file in folder.rglob("*.safetensors"):
        file.rename(file.with_name(file.name.replace(".safetensors", ".fp16.safetensors")))
    assert take_in("mine", str(folder), offline=True).profile.variant == "fp16"
    with pytest.raises(IntakeError, match=r"no weights of the variant 'bf16'; its files with an infix are .*fp16"):
        take_in("mine", str(folder), variant="bf16")


def test_names_that_are_taken_or_odd_are_refused(home: Path, tmp_path: Path) -> None:
    folder = str(stable_diffusion(tmp_path / "model"))
    take_in("mine", folder, offline=True).write(home / "profiles")
    for name, said in (
        ("mine", r"'mine' exists already .*use --force"),
        ("pocket", "'pocket' is the embedded profile; choose another name"),
        ("../up", "cannot name a profile"),
        ("", "cannot name a profile"),
    ):
        with pytest.raises(IntakeError, match=said):
            take_in(name, folder, offline=True)
    assert take_in("mine", folder, offline=True, force=True).profile.name == "mine"
    with alone("mine", home / "profiles"), pytest.raises(IntakeError, match="another command is changing"):
        fetch("mine")


def test_a_folders_lock_says_what_changed_when_it_is_locked_again(home: Path, tmp_path: Path) -> None:
    folder = stable_diffusion(tmp_path / "model")
    take_in("mine", str(folder), offline=True).write(home / "profiles")
    digest = weights_digest(get_profile("mine"))
    (folder / "spare.safetensors").write_bytes(b"x")
    assert weights_digest(get_profile("mine")) == digest
    (folder / "scheduler" / "scheduler_config.json").write_text('{"_class_name": "DDIMScheduler"}')
    assert fetch("mine", offline=True).changed == ("weights: scheduler/scheduler_config.json",)
    assert fetch("mine", offline=True).changed == ()


def test_hashes_of_large_files_are_kept_in_the_data_folder(
    home: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from dreamtuner.models import hashes

    monkeypatch.setattr(hashes, "KEPT_FROM", 10)
    read = []
    monkeypatch.setattr(hashes, "_read", lambda file, real=hashes._read: read.append(file.name) or real(file))
    large, small = tmp_path / "large", tmp_path / "small"
    large.write_bytes(b"x" * 20)
    small.write_bytes(b"x")
    for _ in range(2):
        hashes._file_sha256.cache_clear()
        found = [hashes.file_sha256(file) for file in (large, small)]
    assert read == ["large", "small", "small"]
    assert len(list((home / "hashes").iterdir())) == 1
    large.write_bytes(b"y" * 21)
    assert hashes.file_sha256(large) != found[0]
    assert hashes.read_sha256(large) == hashes.file_sha256(large)
