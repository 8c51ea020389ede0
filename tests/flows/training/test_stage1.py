"""Stage 1 from raw images to a file: faults are named, and a killed run resumes to the unbroken one, from S3 too."""

import json
import os
import subprocess
import sys
import tarfile
import time
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from dreamtuner.models.encoders.file import EncoderFile
from dreamtuner.models.profiles import Profile
from dreamtuner.train.data.prepared import InFolder, PreparedImages
from dreamtuner.train.log import log_lines
from flows.spec.problems import InputError
from flows.training.eyes import plan_of
from flows.training.places import places_of
from flows.training.preparation import FAULTY, PreparedSet
from flows.training.run import CURVES
from flows.training.sources import chunks_of
from storage.objects import DiskStore, open_store
from tests.flows.training.kitchen import OPTIONS, SETTINGS, Kitchen, draw, same, train
from tests.storage.conftest import s3, s3_server

__all__ = ["s3", "s3_server"]
pytestmark = pytest.mark.slow  # they train, and start processes and a server


def test_faults_are_named_and_what_is_there_is_kept(kitchen: Kitchen, tmp_path: Path):
    data, out = str(draw(tmp_path / "data", 10)), str(tmp_path / "out")
    whole = kitchen.prepare(data, out)
    assert (whole.images, whole.faulty, whole.own_captions) == (10, 1, 10)
    assert sum(whole.sizes.values()) == 10
    assert len(whole.sizes) == 2
    assert list(json.loads(DiskStore(Path(out)).get(FAULTY))) == ["cut"]
    # a killed preparation: a shard without its record, and one that was not begun
    again = tmp_path / "again"
    prepared, plan, chunks = PreparedSet(open_store(str(again))), kitchen.plan(data), chunks_of(data, 4)
    prepared.begin(plan)
    list(prepared.prepare(0, chunks[0], kitchen.preparer, 4))
    (again / "records" / "00000-0000.json").unlink()
    (again / "chunks" / "00000.json").unlink()
    assert kitchen.prepare(data, str(again)) == whole
    with pytest.raises(InputError, match="prepared with data"):
        kitchen.prepare(str(tmp_path / "data" / ".."), out)
    sample = PreparedImages(InFolder(Path(out)))[0]
    assert sample.caption == "a red ball"
    assert sample.text is not None
    assert sample.subject.size == (32, 32)


def test_a_killed_run_resumes_on_two_processes(kitchen: Kitchen, tmp_path: Path):
    out = str(tmp_path / "out")
    manifest = kitchen.prepare(str(draw(tmp_path / "data", 14)), out)
    whole = train(kitchen.profile, out, tmp_path / "unbroken")
    assert whole.file is not None
    assert "identity" in whole.last
    assert (tmp_path / "unbroken" / CURVES).stat().st_size > 1000
    _killed(kitchen.profile, out, tmp_path / "killed")
    assert 0 < len(log_lines(tmp_path / "killed")) < 8
    two = SETTINGS.model_copy(update={"processes": 2, "checkpointing": False})
    assert train(kitchen.profile, out, tmp_path / "killed", two).steps == 8
    same(tmp_path / "unbroken", tmp_path / "killed")
    told = EncoderFile.read(whole.file)
    assert told.facts["data"] == manifest.digest
    assert told.facts["steps"] == 8
    assert "masked CLIP-I" in told.card
    other = SETTINGS.model_copy(update={"batch": 2})
    with pytest.raises(InputError, match="another batch"):
        train(kitchen.profile, out, tmp_path / "killed", other)


_CHILD = """
import pickle, sys
from pathlib import Path
from flows.training.run import train_encoder
if __name__ == "__main__":
    arguments, options = pickle.loads(Path(sys.argv[1]).read_bytes())
    train_encoder(*arguments, **options)
"""


def _killed(profile: Profile, data: str, out: Path) -> None:
    """Train in a process that is killed once it has done five steps."""
    import pickle

    script, given = out.parent / "child.py", out.parent / "given"
    script.write_text(_CHILD)
    places = places_of(data, out.parent / "cache")
    given.write_bytes(pickle.dumps(((profile, places, SETTINGS, out), {"device": "cpu"})))
    environment = {**os.environ, "PYTHONPATH": str(Path(__file__).parents[3])}
    with subprocess.Popen([sys.executable, str(script), str(given)], env=environment) as child:
        until = time.monotonic() + 300
        while len(log_lines(out)) < 5 and child.poll() is None and time.monotonic() < until:
            time.sleep(0.01)
        child.kill()


@pytest.fixture
def shards(s3: Any, tmp_path: Path) -> str:
    """Raw images in two WebDataset shards in a bucket."""
    data = draw(tmp_path / "raw", 14)
    files = sorted(data.iterdir())
    middle = next(i for i, file in enumerate(files) if file.name.startswith("07"))
    for number, part in enumerate((files[:middle], files[middle:])):
        with tarfile.open(tmp_path / f"{number}.tar", "w") as tar:
            for file in part:
                tar.add(file, file.name)
        s3.upload_file(str(tmp_path / f"{number}.tar"), "pictures", f"raw/{number}.tar")
    return "s3://pictures/raw"


def test_shards_in_s3_train_as_those_on_disk(kitchen: Kitchen, shards: str, tmp_path: Path):
    remote = kitchen.prepare(shards, "s3://pictures/prepared")
    local = kitchen.prepare(str(tmp_path), str(tmp_path / "out"))
    assert remote.digest == local.digest
    assert remote.faulty == 1
    for place, data in (("near", str(tmp_path / "out")), ("far", "s3://pictures/prepared")):
        train(kitchen.profile, data, tmp_path / place, minutes=0.0)
        train(kitchen.profile, data, tmp_path / place)
    same(tmp_path / "near", tmp_path / "far")
    assert list((tmp_path / "cache").rglob("*.tar"))


def test_tags_are_encoded_in_training(kitchen: Kitchen, tmp_path: Path):
    options = replace(OPTIONS, tags=True)
    data, out = str(draw(tmp_path / "data", 8)), str(tmp_path / "out")
    plan = plan_of(data, kitchen.profile, options, kitchen.choice)
    prepared, chunks = PreparedSet(open_store(out)), chunks_of(data, 4)
    preparer = replace(kitchen.preparer, tags=True)
    for number, chunk in enumerate(chunks):
        list(prepared.prepare(number, chunk, preparer, 4))
    prepared.finish(len(chunks), plan)
    assert PreparedImages(InFolder(Path(out)))[0].text is None
    settings = SETTINGS.model_copy(update={"validation": 0, "loop": SETTINGS.loop.model_copy(update={"steps": 1})})
    assert train(kitchen.profile, out, tmp_path / "training", settings).steps == 1


def test_other_weights_and_too_few_images_are_refused(kitchen: Kitchen, tmp_path: Path):
    out = str(tmp_path / "out")
    kitchen.prepare(str(draw(tmp_path / "data", 5)), out)
    with pytest.raises(ValueError, match="fewer than a batch of 4"):
        train(kitchen.profile, out, tmp_path / "few")
    eight_bit = SETTINGS.model_copy(
        update={"batch": 2, "loop": SETTINGS.loop.model_copy(update={"optimizer": "adamw8bit"})}
    )
    with pytest.raises(InputError, match=r"--set: loop.optimizer: adamw8bit runs on CUDA"):
        train(kitchen.profile, out, tmp_path / "eight", eight_bit)
    (kitchen.profile.tower / "config.json").write_text((kitchen.profile.tower / "config.json").read_text() + " ")
    with pytest.raises(InputError, match="other weights"):
        train(kitchen.profile, out, tmp_path / "other")
