"""Which build of torch `make` has pip install: the user's, a GPU's, PyTorch's CPU build, or pip's default."""

import http.server
import subprocess
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from packaging.requirements import Requirement
from packaging.version import Version

from deploy.torch_flags import CPU_INDEX, answers, has_nvidia_gpu, torch_flags

ROOT = Path(__file__).resolve().parents[2]
FROM_CPU_INDEX = f"--extra-index-url {CPU_INDEX}"


@pytest.mark.parametrize(
    ("system", "gpu", "reached", "flags", "why"),
    [
        ("Linux", False, True, FROM_CPU_INDEX, "without an NVIDIA GPU the CPU build"),
        ("Linux", False, False, "", "does not answer"),
        ("Linux", True, True, "", "there is an NVIDIA GPU"),
        ("Darwin", False, True, "", "on Darwin"),
    ],
)
def test_the_build_follows_the_machine(system: str, gpu: bool, reached: bool, flags: str, why: str) -> None:
    asked = []
    found, said = torch_flags(system, gpu, lambda: bool(asked.append(1)) or reached)
    assert found == flags
    assert why in said
    assert len(asked) == (system == "Linux" and not gpu), "the index is asked only where it matters"


def smi(folder: Path, script: str) -> str:
    file = folder / "nvidia-smi"
    file.write_text(f"#!/bin/sh\n{script}\n")
    file.chmod(0o755)
    return str(file)


@pytest.mark.parametrize("place", ["proc/driver/nvidia/version", "dev/nvidia0"])
def test_the_drivers_files_tell_of_a_gpu(tmp_path: Path, place: str) -> None:
    assert not has_nvidia_gpu(tmp_path, None)
    (tmp_path / place).parent.mkdir(parents=True)
    (tmp_path / place).touch()
    assert has_nvidia_gpu(tmp_path, None)


@pytest.mark.parametrize(
    ("script", "gpu"),
    [
        ("echo 'GPU 0: NVIDIA H100 (UUID: GPU-1)'", True),
        ("echo 'No devices were found'", False),
        ("echo 'GPU access failed: no driver' >&2; exit 9", False),
    ],
)
def test_nvidia_smi_tells_of_a_gpu(tmp_path: Path, script: str, gpu: bool) -> None:
    assert has_nvidia_gpu(tmp_path, smi(tmp_path, script)) is gpu


def test_an_nvidia_smi_that_cannot_be_started_is_no_gpu(tmp_path: Path) -> None:
    assert not has_nvidia_gpu(tmp_path, str(tmp_path / "nvidia-smi"))


class Index(http.server.BaseHTTPRequestHandler):
    """/torch/ is there, /slow/ answers after a second."""

    def do_GET(self) -> None:
        if self.path == "/slow/":
            time.sleep(1)
        self.send_response(404 if self.path == "/gone/" else 200)
        self.end_headers()

    def log_message(self, format: str, *args: object) -> None:
        pass


@pytest.fixture(scope="module")
def index() -> Iterator[str]:
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Index)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield f"http://127.0.0.1:{server.server_port}"
    server.shutdown()
    server.server_close()


def test_an_index_answers_soon_or_not_at_all(index: str) -> None:
    assert answers(f"{index}/torch/")
    assert not answers(f"{index}/gone/")
    began = time.monotonic()
    assert not answers(f"{index}/slow/", within=0.2)
    assert time.monotonic() - began < 0.9
    assert not answers("http://127.0.0.1:9/torch/")


def recipe(*words: str) -> str:
    """What `make setup` would do."""
    command = ["make", "--no-print-directory", "--dry-run", "--always-make", "setup", *words]
    return subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True).stdout


def test_the_users_flags_win() -> None:
    assert "$(python3 deploy/torch_flags.py)" in recipe()
    for given in ("--index-url https://torch.example/cu130", ""):
        with_flags = recipe(f"TORCH_FLAGS={given}")
        assert "torch_flags.py" not in with_flags
        assert f"pip install --quiet {given} -c constraints.txt torch==".replace("  ", " ") in with_flags.replace(
            "  ", " "
        )


def test_the_pin_takes_a_build_with_a_label() -> None:
    [pin] = [line for line in (ROOT / "constraints.txt").read_text().splitlines() if line.startswith("torch==")]
    version = Requirement(pin).specifier
    assert version.contains(Version("2.13.0+cpu"))
    assert f" {pin}\n" in recipe().replace("'", ""), "make installs the release that is pinned"
