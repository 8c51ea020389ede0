"""`dreamtuner bench dreambench`: specs of a stand-in set, refusals, and two workers of which one is killed."""

import json
import os
import signal
import subprocess
import sys
import time
from collections import Counter
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from deploy.bench.dreambench.specs import specs_of
from deploy.cli.main import app
from dreamtuner.evaluation.dreambench.dreambench import read_dreambench
from dreamtuner.evaluation.dreambench.dreambench_plus import read_dreambench_plus
from flows.resources import Resources
from flows.settings import Settings
from flows.spec.yaml_file import read_spec
from storage.catalog import views, writes
from tests.auxiliary_models import in_cache, write_clip, write_dino
from tests.bench_sets import write_dreambench, write_dreambench_plus


def bench(*words: str) -> Any:
    return CliRunner().invoke(app, ["bench", *words])


def test_subjects_with_the_same_prompts_share_a_spec(tmp_path: Path) -> None:
    objects, live = specs_of(read_dreambench(write_dreambench(tmp_path / "set")), "pocket", (1, 2), ("clip_t",))
    assert (objects.name, live.name) == ("dreambench-pocket-object", "dreambench-pocket-tom")
    assert [one.name for one in objects.subjects] == ["dreambench-jam", "dreambench-lamp"]
    assert objects.prompts[2] == "a red {subject}"
    assert (objects.seeds, objects.score, objects.finetune) == ((1, 2), ("clip_t",), None)
    plus = specs_of(read_dreambench_plus(write_dreambench_plus(tmp_path / "plus")), "pocket", (42,), (), finetune=True)
    assert [len(one.subjects) for one in plus] == [1, 1, 1]
    assert plus[0].name == "dreambench++-pocket-tuned-live_subject_animal_00_rabbit"
    assert plus[0].finetune == {}


def test_written_specs_are_what_the_bench_runs(tmp_path: Path) -> None:
    folder = write_dreambench(tmp_path / "set")
    more = ("--seeds", "1", "--judge", "clip_t", "--specs", str(tmp_path / "out"))
    done = bench("dreambench", str(folder), "--profile", "pocket", *more)
    assert done.exit_code == 0, done.output
    read = [read_spec(one) for one in sorted((tmp_path / "out").iterdir())]
    scores = ("dino_s16", "clip_i_b32", "clip_t_b32", "dino_s16_masked", "clip_i_b32_masked", "clip_t")
    assert read == specs_of(read_dreambench(folder), "pocket", (1,), scores)


@pytest.mark.usefixtures("environment")
def test_bad_folders_profiles_and_missing_models_end_before_anything_is_written(tmp_path: Path) -> None:
    folder = str(write_dreambench(tmp_path / "set"))
    for words, why in (
        (["dreambench", str(tmp_path)], "FOLDER: "),
        (["dreambench++", folder], "has no folders images and captions"),
        (["dreambench", folder, "--profile", "nope"], "there is no profile 'nope'"),
    ):
        done = bench(*words)
        assert (done.exit_code, why in done.output) == (2, True), done.output
    done = bench("dreambench", folder, "--profile", "pocket")
    assert "dreamtuner models fetch dino-vits16" in str(done.exception)
    assert not Settings.load().home.exists()


def start(environment: dict[str, str], folder: Path, *more: str) -> subprocess.Popen[str]:
    words = ["bench", "dreambench", str(folder), "--profile", "pocket", "--seeds", "2", "--json"]
    command = [sys.executable, "-m", "deploy.cli.main", *words, *more]
    pipes: dict[str, Any] = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE, "text": True}
    return subprocess.Popen(command, env=environment, **pipes)


def until_generated(process: subprocess.Popen[str], count: int) -> None:
    """Return once some images exist and others are being generated."""
    until = time.monotonic() + 240
    while time.monotonic() < until:
        assert process.poll() is None, process.communicate()
        file = Settings.load().catalog_file
        if file is not None and file.is_file():
            with Resources.open(Settings.load()).catalog.read() as s:
                cells = views.status(s).cells
            if cells["generated"] >= count and cells["generating"]:
                return
        time.sleep(0.05)
    pytest.fail("no image was generated")


@pytest.mark.slow
def test_two_workers_of_which_one_is_killed_give_the_figures_of_one(
    environment: dict[str, str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder, added = write_dreambench(tmp_path / "set"), {"HF_HUB_OFFLINE": "1"}
    for repository, write, variable in (
        ("openai/clip-vit-base-patch32", write_clip, "DREAMTUNER_CLIP_VIT_B32_WEIGHTS"),
        ("facebook/dino-vits16", write_dino, "DREAMTUNER_DINO_VITS16_WEIGHTS"),
    ):
        added[variable] = str(write(in_cache(tmp_path / "hub", repository)))
    environment |= added
    for name, value in added.items():
        monkeypatch.setenv(name, value)
    killed, other = start(environment, folder), start(environment, folder)
    until_generated(killed, 3)
    os.kill(killed.pid, signal.SIGKILL)
    killed.communicate()
    out, err = other.communicate(timeout=400)
    assert other.returncode == 0, err
    found = json.loads(out)
    assert (found["missing"], found["images"]) == (0, 18)

    with Resources.open(Settings.load()).catalog.write() as s:
        assert Counter(views.status(s).cells)["generated"] == 18
        # of a process that dies before it has planned
        writes.start_run(s, name="dreambench-pocket-object", spec={}, flow_run_id=None)
    again, _ = start(environment, folder, "--finished").communicate(timeout=400)
    assert json.loads(again) == found

    alone = environment | {"DREAMTUNER_HOME": str(tmp_path / "alone")}
    whole = json.loads(start(alone, folder).communicate(timeout=400)[0])
    for one, two in zip(found["figures"], whole["figures"], strict=True):
        assert (one["metric"], one["category"], one["images"]) == (two["metric"], two["category"], two["images"])
        assert one["value"] == pytest.approx(two["value"], abs=1e-5)
