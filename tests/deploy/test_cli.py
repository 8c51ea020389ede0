"""Commands as a user types them, where nothing is drawn."""

import json
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from PIL import Image

from storage.catalog import Catalog, writes
from storage.catalog.owners import this_owner
from storage.catalog.records import spec_digest
from tests.deploy.commands import Commands, commands

Command = Callable[..., subprocess.CompletedProcess[str]]
EMPTY = {"planned": 0, "generating": 0, "generated": 0, "failed": 0, "lost": 0}


@pytest.fixture(scope="module")
def commander() -> Iterator[Commands]:
    with commands() as started:
        yield started


@pytest.fixture
def dreamtuner(commander: Commands, environment: dict[str, str]) -> Command:
    """Runs a command as the user of `environment` does, or of one with `changes`."""

    def run(*words: str, **changes: str) -> subprocess.CompletedProcess[str]:
        return commander.run(environment | changes, words)

    return run


@pytest.mark.parametrize(
    "words",
    [
        (),
        ("run",),
        ("video",),
        ("plan",),
        ("status",),
        ("ingest",),
        ("attention",),
        ("deploy",),
        ("train", "pocket"),
        ("train", "encoder"),
        ("bench", "pocket"),
        ("bench", "speed"),
        ("bench", "dashboard"),
        ("gc",),
        ("backup",),
        ("doctor",),
    ],
)
def test_every_command_explains_itself_without_loading_a_model(
    environment: dict[str, str], words: tuple[str, ...]
) -> None:
    program = (
        "import sys; from deploy.cli.main import app\n"
        "try: app(sys.argv[1:])\n"
        "except SystemExit as end: code = end.code\n"
        "heavy = {'torch', 'prefect', 'sqlalchemy', 'boto3', 'cv2'} & set(sys.modules)\n"
        "sys.exit(f'{code} {heavy}' if code or heavy else 0)\n"
    )
    command = [sys.executable, "-c", program, *words, "--help"]
    done = subprocess.run(command, env=environment, capture_output=True, text=True, check=False, timeout=60)
    assert done.returncode == 0, done.stderr
    assert "Usage" in done.stdout


def test_status_of_nothing_is_zeros_and_makes_nothing(dreamtuner: Command, environment: dict[str, str]) -> None:
    done = dreamtuner("status", "--json")
    home = Path(environment["DREAMTUNER_HOME"])
    read = {"home": str(home), "catalog": f"sqlite:///{home}/catalog.db", "store": str(home / "objects")}
    nobody = {"running": 0, "resumable": 0, "unwanted": 0}
    counts = {"subjects": 0, "references": 0, "cells": EMPTY, "scored": 0, "runs": [], "unmade": nobody, "metrics": {}}
    assert json.loads(done.stdout) == counts | read
    assert not Path(environment["DREAMTUNER_HOME"]).exists()
    assert "dreamtuner run examples/pocket.yaml" in dreamtuner("status").stdout


def test_a_plan_counts_and_writes_nothing(dreamtuner: Command, environment: dict[str, str], spec: Path) -> None:
    done = dreamtuner("plan", str(spec), "--json")
    assert done.returncode == 0, done.stderr
    found = json.loads(done.stdout)
    assert found["cells"] == {"total": 24, "missing": 24, "there": 0}
    assert [(one["name"], one["missing"]) for one in found["subjects"]] == [("pip", 12), ("momo", 12)]
    assert len({cell["digest"] for cell in found["grid"]}) == 24
    assert not Path(environment["DREAMTUNER_HOME"]).exists()


@pytest.mark.slow
def test_ingest_takes_a_subject_in(dreamtuner: Command, spec: Path) -> None:
    words = ("ingest", str(spec.parent / "pip.png"), "--name", "pip", "--class-word", "bear", "--json")
    done = dreamtuner(*words)
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout)["subject"] == "pip"
    assert json.loads(dreamtuner("status", "--json").stdout)["subjects"] == 1


@pytest.mark.slow
def test_what_is_stored_of_a_subject_is_listed_with_its_origin(dreamtuner: Command, spec: Path) -> None:
    words = ("ingest", str(spec.parent / "pip.png"), "--name", "pip", "--class-word", "bear")
    edges = ("--control", f"canny={spec.parent / 'pip.png'}", "--caption", "my {subject}")
    assert "canny: " in dreamtuner(*words, *edges).stdout
    again = json.loads(dreamtuner(*words, "--caption", "our {subject}", "--json").stdout)
    assert [(one["kind"], one["text"], one["version"]) for one in again["annotations"]] == [
        ("canny", None, 1),
        ("caption", "our {subject}", 2),
    ]
    [reference] = json.loads(dreamtuner("subjects", "pip", "--json").stdout)["references"]
    assert [(one["kind"], one["version"], one["given"], one["current"]) for one in reference["seen"]] == [
        ("mask", 1, "found", True),
        ("canny", 1, "ingest", True),
        ("caption", 2, "ingest", True),
        ("caption", 1, "ingest", False),
    ]
    assert "'our {subject}'" in dreamtuner("subjects", "pip").stdout
    unknown = dreamtuner("subjects", "momo")
    assert (unknown.returncode, "SUBJECT: " in unknown.stderr) == (2, True)


@pytest.mark.parametrize("key", ["captioner: blip", pytest.param("masker: sam", marks=pytest.mark.slow)])
def test_an_eye_that_cannot_look_is_refused_before_anything_is_written(
    dreamtuner: Command, environment: dict[str, str], spec: Path, key: str
) -> None:
    spec.write_text(f"{spec.read_text()}\n{key}\n")
    done = dreamtuner("plan", str(spec))
    assert done.returncode == 2
    field, name = key.split(": ")
    remedy = {"blip": "get it with: dreamtuner models fetch blip-base", "sam": "choose one of: grabcut"}[name]
    assert f": {field}: " in done.stderr
    assert remedy in done.stderr
    assert not Path(environment["DREAMTUNER_HOME"]).exists()


def test_doctor_names_what_is_missing_and_how_to_get_it(dreamtuner: Command, tmp_path: Path) -> None:
    good = dreamtuner("doctor", "--json")
    assert json.loads(good.stdout)["ok"] is True
    assert good.returncode == 0
    found = {one["what"]: one["state"] for one in json.loads(good.stdout)["findings"]}
    assert {found[f"extra {name}"] for name in ("method", "masks", "flows", "dashboard", "s3")} == {"ok"}
    bad = dreamtuner("doctor", "--json", DREAMTUNER_POCKET_WEIGHTS=str(tmp_path / "none"))
    assert bad.returncode == 1
    [missing] = [one for one in json.loads(bad.stdout)["findings"] if one["state"] == "missing"]
    assert missing["what"] == "profile pocket"
    assert "dreamtuner train pocket" in missing["remedy"]


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (("name: trip", "name: [trip"), "line "),
        (("style: anime", "style: foto"), "subjects[1].style: there is no style 'foto'; choose one of: natural, anime"),
        (("name: trip", "nmae: trip"), "nmae: unknown key; did you mean 'name'?"),
        (("{subject} in", "bear in"), "prompts[1]: "),
        (("seeds: [1", "seeds: [2"), "seeds[1]: duplicate seed 2"),
        (("name: trip", "name: trip\nprofile: sd99"), "profile: there is no profile 'sd99'"),
        (
            ("name: trip", "name: trip\nposes: [null, wave.png]"),
            "poses[1]: pose: the profile pocket has no ControlNet of this kind; it has no ControlNets",
        ),
        (("name: trip", "name: trip\nfinetune: {steps: 0}"), "finetune.steps: is 0; give 1 or more"),
        (("sampling: {steps: 12}", "sampling: {steps: 0}"), "sampling.steps: is 0; give 1 or more"),
        (("name: momo", "name: pip"), "subjects[1].name: the name 'pip' is already used"),
    ],
)
def test_bad_specs_are_refused_in_a_sentence_and_nothing_is_written(
    dreamtuner: Command, environment: dict[str, str], spec: Path, change: tuple[str, str], said: str
) -> None:
    spec.write_text(spec.read_text().replace(*change))
    done = dreamtuner("run", str(spec), "--json")
    assert done.returncode == 2
    assert said in done.stderr
    assert "Traceback" not in done.stderr
    assert done.stdout == ""
    assert not Path(environment["DREAMTUNER_HOME"]).exists()


@pytest.mark.slow
def test_other_bad_input(dreamtuner: Command, spec: Path, tmp_path: Path) -> None:
    Image.new("RGB", (16, 16)).save(tmp_path / "tiny.png")
    (tmp_path / "text.png").write_text("no picture")
    name = ("--name", "x", "--class-word", "bear")
    for words, said in (
        (("run", str(tmp_path / "none.yaml")), "none.yaml: cannot be read"),
        (("ingest", str(tmp_path / "tiny.png"), *name), "too small"),
        (("ingest", str(tmp_path / "text.png"), *name), "not an image"),
        (("ingest", "https://127.0.0.1:9/a.png", *name), "private or local"),
        (("ingest", str(tmp_path / "pip.png"), "--name", "a/b", "--class-word", "bear"), "name: invalid value 'a/b'"),
    ):
        done = dreamtuner(*words)
        assert (done.returncode, "Traceback" in done.stderr) == (2, False), done.stderr
        assert said in done.stderr
    done = dreamtuner("run", str(spec), DREAMTUNER_POCKET_WEIGHTS=str(tmp_path))
    assert done.returncode == 2
    assert "lacks unet" in done.stderr
    assert "dreamtuner train pocket" in done.stderr


def test_a_catalog_that_is_no_database_is_told_in_a_sentence(dreamtuner: Command, environment: dict[str, str]) -> None:
    home = Path(environment["DREAMTUNER_HOME"])
    home.mkdir(parents=True)
    (home / "catalog.db").write_bytes(b"no database " * 500)
    done = dreamtuner("status", "--json")
    assert done.returncode == 1
    assert "is damaged or not a catalog" in done.stderr
    assert "Traceback" not in done.stderr
    assert "DREAMTUNER_CATALOG_URL" in done.stderr


def test_submitting_without_a_server_is_told_in_a_sentence(
    dreamtuner: Command, environment: dict[str, str], spec: Path
) -> None:
    for words in (("run", "--submit", str(spec)), ("deploy",)):
        done = dreamtuner(*words)
        assert done.returncode == 2
        assert "PREFECT_API_URL is not set" in done.stderr
        assert "Traceback" not in done.stderr
    assert not Path(environment["DREAMTUNER_HOME"]).exists()


def test_a_killed_run_is_not_running_for_ever(dreamtuner: Command, environment: dict[str, str]) -> None:
    home = Path(environment["DREAMTUNER_HOME"])
    gone = this_owner().rpartition(":")[0] + ":another-boot"
    with Catalog.open(f"sqlite:///{home}/catalog.db") as catalog, catalog.write() as s:
        writes.start_run(s, name="trip", spec={}, flow_run_id=None, owner=gone)
    shown = dreamtuner("status").stdout
    assert "crashed: the process that ran it has died" in " ".join(shown.split())
    [run] = json.loads(dreamtuner("status", "--json").stdout)["runs"]
    assert (run["name"], run["state"]) == ("trip", "crashed")
    assert run["spec_digest"] == spec_digest({})
