"""What is built holds all that the program needs and nothing else; an installed wheel starts without the source."""

import json
import os
import re
import shutil
import subprocess
import sys
import tarfile
import time
import zipfile
from pathlib import Path

import httpx
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


# The extras that are small enough to be installed whole. The large ones are what `make demo` and `make test` install,
# in a bare container too (tests/containers); here it is resolved what they would bring.
SMALL = {
    "dashboard": ("fastapi", "uvicorn", "jinja2", "multipart", "argon2"),
    "oidc": ("authlib", "httpx2", "joserfc"),
    "postgres": ("psycopg",),
    "s3": ("boto3",),
    "video": ("av",),
}
LARGE = {
    "method": {"torch", "diffusers"},
    "masks": {"scikit-image"},
    "flows": {"prefect"},
    "train": {"torch", "kornia"},
    "bench": {"torch", "kornia", "scikit-image"},
}
MOST_PACKAGES, MOST_MB = 48, 160
"""What the dashboard alone may bring."""


def _environment(folder: Path, wheel: Path, extra: str, *more: str) -> Path:
    """A new environment with the wheel and one extra; its Python."""
    _run(sys.executable, "-m", "venv", "--without-pip", str(folder), cwd=folder.parent)
    python = folder / "bin" / "python"
    pip = (sys.executable, "-m", "pip", "--python", str(python), "install", "--quiet", *more)
    _run(*pip, "-c", str(ROOT / "constraints.txt"), f"{wheel}[{extra}]", cwd=folder.parent)
    return python


def _alone(**more: str) -> dict[str, str]:
    return {name: value for name, value in os.environ.items() if not name.startswith(("PYTHON", "DREAMTUNER_"))} | more


@pytest.mark.parametrize("extra", SMALL)
def test_an_extra_alone_is_installed_and_imported(wheel: Path, tmp_path: Path, extra: str) -> None:
    python = _environment(tmp_path / "env", wheel, extra)
    code = f"import importlib; [importlib.import_module(name) for name in {SMALL[extra]!r}]"
    for command in ([str(python), "-c", code], [str(tmp_path / "env" / "bin" / "dreamtuner"), "--help"]):
        done = subprocess.run(command, cwd=tmp_path, env=_alone(), capture_output=True, text=True, check=False)
        assert done.returncode == 0, done.stderr
    if extra == "dashboard":
        _the_dashboard_alone(tmp_path)


def _the_dashboard_alone(folder: Path) -> None:
    """It is small, brings neither torch nor Prefect, and answers over an empty catalog."""
    (site,) = (folder / "env" / "lib").glob("python3*/site-packages")
    names = {path.name.partition("-")[0].lower() for path in site.glob("*.dist-info")} - {"dreamtuner"}
    files = [path for path in site.rglob("*") if path.is_file() and path.suffix != ".pyc"]
    size = sum(path.stat().st_size for path in files if path.relative_to(site).parts[0] not in ROOMS) / 1e6
    print(f"dreamtuner[dashboard]: {len(names)} packages, {size:.0f} MB")
    assert not names & {"torch", "prefect", "diffusers", "scipy"}
    assert len(names) <= MOST_PACKAGES
    assert size <= MOST_MB
    command = [str(folder / "env" / "bin" / "dreamtuner"), "dashboard", "--port", "0"]
    environment = _alone(DREAMTUNER_HOME=str(folder / "home"), PYTHONUNBUFFERED="1")
    with (folder / "log").open("wb") as log:
        process = subprocess.Popen(command, cwd=folder, env=environment, stdout=log, stderr=log)
    try:
        deadline = time.monotonic() + 60
        while (found := re.search(r"http://127\.0\.0\.1:\d+", said := (folder / "log").read_text())) is None:
            assert process.poll() is None, said
            assert time.monotonic() < deadline, said
            time.sleep(0.1)
        page = _page(f"{found[0]}/login")
    finally:
        process.terminate()
        process.wait(30)
    assert page.status_code == 200
    assert "<form" in page.text


def _page(url: str) -> httpx.Response:
    """The page, once the server listens: its address is said a moment before."""
    deadline = time.monotonic() + 60
    while True:
        try:
            return httpx.get(url, timeout=30, trust_env=False)
        except httpx.TransportError:
            assert time.monotonic() < deadline, url
            time.sleep(0.2)


@pytest.mark.parametrize("extra", LARGE)
def test_a_large_extra_resolves_within_the_pins(wheel: Path, tmp_path: Path, extra: str) -> None:
    report = tmp_path / "report.json"
    _environment(tmp_path / "env", wheel, extra, "--dry-run", "--report", str(report))
    brought = {one["metadata"]["name"].lower() for one in json.loads(report.read_text())["install"]}
    assert LARGE[extra] <= brought
    assert "torchvision" not in brought
    assert ("torch" in brought) == ("torch" in LARGE[extra])
