"""Each part imports what it shares with the others, and what its own extra brings: nothing that is not installed."""

import ast
import json
import os
import re
import subprocess
import sys
import tomllib
from functools import cache
from pathlib import Path

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name
from PIL import Image

from deploy.cli.missing_extra import EXTRA_OF, missing_extra
from storage.catalog import Catalog
from storage.catalog.database.engine import catalog_url, make_engine
from storage.catalog.records import CatalogError

ROOT = Path(__file__).resolve().parents[1]
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
OURS = {"deploy", "dreamtuner", "flows", "storage"}

# Which extras the modules of a part may need; the longest prefix of a file's path decides.
METHOD = {"method"}
PARTS: dict[str, set[str]] = {
    "storage/": set(),
    "storage/objects/": {"s3"},
    "storage/sources/bucket.py": {"s3"},
    "storage/catalog/": {"postgres"},
    "dreamtuner/": METHOD,
    "dreamtuner/settings/": set(),
    "dreamtuner/preprocess/": {"masks"},
    "dreamtuner/preprocess/backends/": METHOD,
    "dreamtuner/preprocess/backends/onnx_session.py": {"eyes"},
    "dreamtuner/preprocess/backends/maskers/": {"eyes"},
    "dreamtuner/preprocess/backends/captioners/wd_tagger.py": {"eyes"},
    "dreamtuner/preprocess/backends/estimators/": METHOD | {"eyes"},
    "dreamtuner/postprocess/spandrel_file.py": {"method", "upscalers"},
    "dreamtuner/rendering/video_file.py": {"video"},
    "dreamtuner/rendering/film_frames.py": {"video"},
    "dreamtuner/train/": {"train"},
    "dreamtuner/pocket/": {"train"},
    "dreamtuner/evaluation/": {"bench"},
    "dreamtuner/bench/": {"bench"},
    "flows/": METHOD | {"flows"},
    "flows/spec/": set(),
    "flows/planning/": set(),
    "deploy/": set(),
    "deploy/marks/": {"marks"},
    "deploy/prefect/": {"flows"},
    "deploy/cli/": METHOD | {"flows"},
    "deploy/bench/": {"bench"},
    "deploy/dashboard/": {"dashboard"},
    "deploy/dashboard/security/oidc.py": {"dashboard", "oidc"},
}
DISTRIBUTION_OF = {
    "argon2": "argon2-cffi",
    "cv2": "opencv-python-headless",
    "multipart": "python-multipart",
    "PIL": "pillow",
    "c2pa": "c2pa-python",
    "skimage": "scikit-image",
    "yaml": "pyyaml",
    # what comes with one that is named
    "botocore": "boto3",
    "pydantic_settings": "prefect",
    "starlette": "fastapi",
}


def names(lines: list[str]) -> set[str]:
    """The distributions of some requirements, those of extras of ours within them too."""
    found = set()
    for line in lines:
        wanted = Requirement(line)
        if wanted.name == "dreamtuner":
            found |= {name for extra in wanted.extras for name in names(PROJECT["optional-dependencies"][extra])}
        else:
            found.add(canonicalize_name(wanted.name))
    return found


CORE = names(PROJECT["dependencies"])
EXTRAS = {extra: names(lines) for extra, lines in PROJECT["optional-dependencies"].items()}


def distribution(top: str) -> str:
    return canonicalize_name(DISTRIBUTION_OF.get(top, top))


@cache
def third_party() -> list[tuple[str, str]]:
    """Every import in the source of what is neither ours nor Python's: the file, the top-level module."""
    found = []
    for room in sorted(OURS):
        for path in sorted((ROOT / room).rglob("*.py")):
            for node in ast.walk(ast.parse(path.read_bytes())):
                modules: list[str] = []
                if isinstance(node, ast.Import):
                    modules = [name.name for name in node.names]
                elif isinstance(node, ast.ImportFrom) and node.level == 0:
                    modules = [node.module or ""]
                for top in {module.partition(".")[0] for module in modules}:
                    if top not in OURS | sys.stdlib_module_names:
                        found.append((path.relative_to(ROOT).as_posix(), top))
    return found


def test_every_part_imports_only_what_its_extras_bring() -> None:
    astray = []
    for file, top in third_party():
        extras = PARTS[max((part for part in PARTS if file.startswith(part)), key=len)]
        if distribution(top) not in CORE.union(*(EXTRAS[extra] for extra in extras)):
            astray.append(f"{file} imports {top}, which neither the core nor {sorted(extras)} brings")
    assert astray == []


def test_a_missing_library_is_said_with_the_extra_that_brings_it() -> None:
    for top, extra in EXTRA_OF.items():
        assert distribution(top) in EXTRAS[extra], f"{extra} does not bring {top}"
        assert distribution(top) not in CORE
    assert {top for _, top in third_party() if distribution(top) not in CORE} <= set(EXTRA_OF)
    assert (
        missing_extra(ModuleNotFoundError(name="cv2.gapi"))
        == "cv2 is not installed; pip install 'dreamtuner[masks]', or 'dreamtuner[all]'"
    )
    assert missing_extra(ModuleNotFoundError(name="flows")) is None
    assert missing_extra(ImportError(name="cv2")) is None


def test_all_is_every_extra_but_those_of_who_works_on_it() -> None:
    assert EXTRAS["all"] == set().union(
        *(found for extra, found in EXTRAS.items() if extra not in ("dev", "docs", "eightbit", "upscalers"))
    )
    assert not EXTRAS["dashboard"] & {"torch", "prefect"}


def test_what_is_required_is_pinned() -> None:
    lines = [line for line in (ROOT / "constraints.txt").read_text().splitlines() if not line.startswith("#")]
    pins = {canonicalize_name(one.name): one for one in map(Requirement, lines)}
    required = sum(PROJECT["optional-dependencies"].values(), start=list(PROJECT["dependencies"]))
    for wanted in map(Requirement, required):
        if wanted.name != "dreamtuner":
            [pin] = pins[canonicalize_name(wanted.name)].specifier
            assert wanted.specifier.contains(pin.version), f"{wanted}, and the pin is {pin}"
    assert "torchvision" not in pins, "there is not always a build of it beside torch's"


BLOCKED = """
import os
from importlib.machinery import PathFinder
blocked, found = set(os.environ["BLOCKED"].split()), PathFinder.find_spec
PathFinder.find_spec = lambda name, path=None, target=None: None if name in blocked else found(name, path, target)
from deploy.cli.main import main
main()
"""


def without(extras: set[str], *words: str, home: Path, **environment: str) -> subprocess.CompletedProcess[str]:
    """A command where only the core and these extras are installed."""
    there = CORE.union(*(EXTRAS[extra] for extra in extras))
    blocked = " ".join(top for top in EXTRA_OF if distribution(top) not in there)
    env = os.environ | {"BLOCKED": blocked, "DREAMTUNER_HOME": str(home), "PYTHONPATH": str(ROOT)} | environment
    command = [sys.executable, "-c", BLOCKED, *words]
    return subprocess.run(command, env=env, cwd=home.parent, capture_output=True, text=True, check=False, timeout=120)


@pytest.mark.slow
@pytest.mark.parametrize(
    ("extras", "words", "said"),
    [
        ({"flows", "masks"}, ("run", "spec.yaml"), "dreamtuner[method]"),
        ({"method", "masks"}, ("run", "spec.yaml"), "dreamtuner[flows]"),
        ({"method", "flows"}, ("ingest", "pip.png", "--name", "pip", "--class-word", "bear"), "dreamtuner[masks]"),
        (set(), ("dashboard",), "dreamtuner[dashboard]"),
    ],
)
def test_a_command_without_its_extra_says_which(
    tmp_path: Path, extras: set[str], words: tuple[str, ...], said: str
) -> None:
    Image.new("RGB", (64, 64), "red").save(tmp_path / "pip.png")
    subject = "{name: pip, class_word: bear, reference: pip.png}"
    (tmp_path / "spec.yaml").write_text(f"name: trip\nsubjects: [{subject}]\nprompts: ['a {{subject}}']\nseeds: [1]\n")
    done = without(extras, *words, home=tmp_path / "home")
    assert done.returncode == 1, done.stderr
    assert re.search(r"\w+ is not installed; pip install '" + re.escape(said) + "', or ", done.stderr), done.stderr
    assert "Traceback" not in done.stderr


def test_beside_the_dashboard_alone_status_and_doctor_run(tmp_path: Path) -> None:
    (tmp_path / "home").mkdir()
    Catalog.open(f"sqlite:///{tmp_path}/home/catalog.db").close()
    status = without({"dashboard"}, "status", "--json", home=tmp_path / "home")
    assert (status.returncode, json.loads(status.stdout)["subjects"]) == (0, 0), status.stderr
    doctor = without({"dashboard"}, "doctor", "--json", home=tmp_path / "home", PREFECT_API_URL="http://127.0.0.1:1")
    assert doctor.returncode == 0, doctor.stdout + doctor.stderr
    found = {one["what"]: one["state"] for one in json.loads(doctor.stdout)["findings"]}
    assert (found["extra dashboard"], found["catalog"]) == ("ok", "ok")
    assert {found[one] for one in ("extra method", "extra flows", "device", "deployments")} == {"note"}


@pytest.mark.slow
def test_a_part_of_what_generates_is_missing(tmp_path: Path) -> None:
    done = without({"method", "dashboard"}, "doctor", "--json", home=tmp_path / "home")
    found = {one["what"]: one["state"] for one in json.loads(done.stdout)["findings"]}
    assert (done.returncode, found["extra flows"], found["extra s3"]) == (1, "missing", "note")


@pytest.mark.slow
def test_doctor_says_which_extra_is_not_there_and_whether_it_is_needed(tmp_path: Path) -> None:
    done = without({"method", "masks", "flows", "dashboard"}, "doctor", "--json", home=tmp_path / "home")
    assert done.returncode == 0, done.stdout
    found = {one["what"]: one for one in json.loads(done.stdout)["findings"]}
    assert (found["extra method"]["state"], found["extra s3"]["state"]) == ("ok", "note")
    assert found["extra s3"]["remedy"].endswith("'dreamtuner[s3]'")


def test_a_store_or_catalog_without_its_extra_says_which(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    done = without(set(), "status", home=tmp_path / "home", DREAMTUNER_STORE_URL="s3://pictures/x")
    assert "Traceback" not in done.stderr
    monkeypatch.setitem(sys.modules, "psycopg", None)
    with pytest.raises(CatalogError, match=r"psycopg is not installed; pip install 'dreamtuner\[postgres\]'"):
        make_engine(catalog_url("postgresql://u:secret@127.0.0.1/d"))
