"""The entry point of the images: secrets come from files, and the command takes the process over."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from deploy.images.start import SECRETS, StartError, with_secrets

ROOT = Path(__file__).resolve().parents[3]


@pytest.mark.parametrize("name", SECRETS)
def test_a_secret_comes_from_its_file(tmp_path: Path, name: str) -> None:
    file = tmp_path / "secret"
    file.write_text("it: with spaces \n")
    assert with_secrets({f"{name}_FILE": str(file), "OTHER": "1"}) == {name: "it: with spaces ", "OTHER": "1"}


def test_files_that_are_no_secrets_of_ours_stay(tmp_path: Path) -> None:
    others = {"AWS_SHARED_CREDENTIALS_FILE": "/none", "PGPASSWORD": "given", "PGPASSWORD_FILE": ""}
    assert with_secrets(others) == {"AWS_SHARED_CREDENTIALS_FILE": "/none", "PGPASSWORD": "given"}


def test_a_secret_said_twice_or_not_readable_is_refused(tmp_path: Path) -> None:
    with pytest.raises(StartError, match=r"PGPASSWORD and PGPASSWORD_FILE are both set"):
        with_secrets({"PGPASSWORD": "a", "PGPASSWORD_FILE": str(tmp_path)})
    with pytest.raises(StartError, match=r"HF_TOKEN_FILE: .*none cannot be read .*mount it"):
        with_secrets({"HF_TOKEN_FILE": str(tmp_path / "none")})
    (tmp_path / "bytes").write_bytes(b"\xff\xfe")
    with pytest.raises(StartError, match="HF_TOKEN_FILE"):
        with_secrets({"HF_TOKEN_FILE": str(tmp_path / "bytes")})


def started(*command: str, **variables: str) -> subprocess.CompletedProcess[str]:
    environment = os.environ | {"PYTHONPATH": str(ROOT)} | variables
    words = [sys.executable, "-S", "-m", "deploy.images.start", *command]
    return subprocess.run(words, env=environment, capture_output=True, text=True, check=False, timeout=60)


def test_the_command_becomes_the_process(tmp_path: Path) -> None:
    (tmp_path / "token").write_text("t0ken\n")
    done = started("/bin/sh", "-c", "echo $PPID $HF_TOKEN; exit 7", HF_TOKEN_FILE=str(tmp_path / "token"))
    assert (done.returncode, done.stdout.split()) == (7, [str(os.getpid()), "t0ken"])


@pytest.mark.parametrize(
    ("command", "code", "said"), [((), 2, "give the command"), (("/no/such/program",), 127, "/no/such/program")]
)
def test_what_cannot_start_is_said(command: tuple[str, ...], code: int, said: str) -> None:
    done = started(*command)
    assert (done.returncode, done.stdout) == (code, "")
    assert said in done.stderr
    assert "Traceback" not in done.stderr
