"""What is built holds all that the program needs and nothing else; an installed wheel starts without the source."""

import os
import shutil
import subprocess
import sys
import tarfile
import zipfile
from pathlib import Path

import pytest

pytestmark = pytest.mark.slow

ROOT = Path(__file__).resolve().parents[1]
ROOMS = ("deploy", "dreamtuner", "flows", "storage")
IN_SOURCE_ARCHIVE = (*ROOMS, "docs", "examples", "tests")


@pytest.fixture(scope="module")
def dist(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with the source archive and the wheel that is built from it, out of a copy: no leftovers get in."""
    source, out = tmp_path_factory.mktemp("source"), tmp_path_factory.mktemp("dist")
    for path in ROOT.iterdir():
        if path.is_file():
            shutil.copy2(path, source)
        elif path.name in IN_SOURCE_ARCHIVE:
            shutil.copytree(path, source / path.name, ignore=shutil.ignore_patterns("__pycache__"))
    _run(sys.executable, "-m", "build", "--no-isolation", "--outdir", str(out), str(source), cwd=source)
    return out


@pytest.fixture(scope="module")
def wheel(dist: Path) -> Path:
    (wheel,) = dist.glob("dreamtuner-*-py3-none-any.whl")
    return wheel


@pytest.fixture(scope="module")
def in_wheel(wheel: Path) -> set[str]:
    with zipfile.ZipFile(wheel) as archive:
        return set(archive.namelist())


def _run(*command: str, cwd: Path, **environment: str) -> str:
    ended = subprocess.run(command, cwd=cwd, env=os.environ | environment, capture_output=True, text=True, check=False)
    assert ended.returncode == 0, ended.stdout[-2000:] + ended.stderr[-2000:]
    return ended.stdout


def _files_of(room: str) -> set[str]:
    paths = (path for path in (ROOT / room).rglob("*") if path.is_file() and "__pycache__" not in path.parts)
    return {path.relative_to(ROOT).as_posix() for path in paths}


@pytest.mark.parametrize("room", ROOMS)
def test_the_wheel_holds_every_file_of_a_room(in_wheel: set[str], room: str) -> None:
    # a file missing here wants a pattern in [tool.setuptools.package-data], or its folder an __init__.py
    assert sorted(_files_of(room) - in_wheel) == []
    assert f"{room}/py.typed" in in_wheel


def test_the_wheel_holds_nothing_but_the_rooms(in_wheel: set[str]) -> None:
    tops = {name.partition("/")[0] for name in in_wheel}
    assert {top for top in tops if not top.endswith(".dist-info")} == set(ROOMS)
    assert [name for name in in_wheel if name.endswith(".pyc")] == []


def test_the_wheel_holds_weights_migrations_and_licence(in_wheel: set[str]) -> None:
    weights = "dreamtuner/pocket/weights/"
    assert f"{weights}model_index.json" in in_wheel
    assert any(name.startswith(weights) and name.endswith(".safetensors") for name in in_wheel)
    assert any(name.startswith("storage/catalog/migrations/versions/") for name in in_wheel)
    assert any(name.endswith(".dist-info/licenses/LICENSE") for name in in_wheel)


def test_the_source_archive_can_be_set_up_and_tested(dist: Path) -> None:
    (path,) = dist.glob("dreamtuner-*.tar.gz")
    with tarfile.open(path) as archive:
        names = {name.partition("/")[2] for name in archive.getnames()}
    wanted = {"LICENSE", "Makefile", "README.md", "constraints.txt", "prefect.yaml", "pyproject.toml"}
    wanted |= {"examples/pocket.yaml", "tests/conftest.py", "tests/requirements-s3.txt", "tests/test_packaging.py"}
    assert sorted(wanted - names) == []


def test_an_installed_wheel_starts_without_the_source(wheel: Path, tmp_path: Path) -> None:
    # into a folder, on the libraries that are here: a new environment would take minutes and prove little more
    site = tmp_path / "site"
    _run(
        sys.executable,
        "-m",
        "pip",
        "install",
        "--quiet",
        "--no-deps",
        "--no-index",
        "--target",
        str(site),
        str(wheel),
        cwd=tmp_path,
    )
    code = (
        "import deploy, dreamtuner, flows, storage; print(*(m.__file__ for m in (deploy, dreamtuner, flows, storage)))"
    )
    places = _run(sys.executable, "-c", code, cwd=tmp_path, PYTHONPATH=str(site)).split()
    assert [Path(place).parent.parent for place in places] == [site] * 4
    usage = _run(sys.executable, str(site / "bin" / "dreamtuner"), "--help", cwd=tmp_path, PYTHONPATH=str(site))
    assert "run" in usage
