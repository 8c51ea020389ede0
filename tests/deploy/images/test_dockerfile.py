"""The one Dockerfile, read: what its stages stand on, and who they run as. tests/containers builds and runs it."""

import json
import re
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[3]
FILE = ROOT / "deploy" / "images" / "Dockerfile"
LINES = re.sub(r"\\\n\s*", "", FILE.read_text()).splitlines()
TARGETS = ("dashboard", "worker", "conductor")


def stages() -> dict[str, list[str]]:
    """The instructions of each stage, by its name; those before the first stage under ""."""
    found: dict[str, list[str]] = {"": []}
    at = ""
    for line in LINES:
        if match := re.fullmatch(r"FROM (\S+) AS (\S+)", line):
            at = match[2]
            found[at] = list(found.get(match[1], []))  # what a stage stands on counts as its own
        if line and not line.startswith("#"):
            found[at].append(line)
    return found


STAGES = stages()


def last(target: str, instruction: str) -> str:
    return [line for line in STAGES[target] if line.startswith(f"{instruction} ")][-1].partition(" ")[2]


def test_the_base_is_pinned_by_digest_and_can_be_another() -> None:
    [base] = [line for line in STAGES[""] if line.startswith("ARG BASE=")]
    assert re.search(r"@sha256:[0-9a-f]{64}$", base)
    outside = {line.split()[1] for line in LINES if line.startswith("FROM ")} - set(STAGES)
    assert outside == {"${BASE}"}


@pytest.mark.parametrize("target", TARGETS)
def test_an_image_runs_as_nobody_without_a_shell(target: str) -> None:
    assert last(target, "USER") == "10001:10001"
    for instruction in ("ENTRYPOINT", "CMD"):
        assert all(isinstance(word, str) for word in json.loads(last(target, instruction)))
    probe = last(target, "HEALTHCHECK").partition("CMD ")[2]
    assert json.loads(probe)[:3] == ["python3", "-m", "deploy.images.health"]
    labels = " ".join(line for line in STAGES[target] if line.startswith("LABEL "))
    for key in ("title", "description", "licenses", "version", "revision"):
        assert f"org.opencontainers.image.{key}=" in labels


def test_the_dashboard_asks_for_no_extra_with_torch_or_prefect() -> None:
    [extras] = [line for line in STAGES["requirements"] if line.startswith("ARG DASHBOARD_EXTRAS=")]
    assert set(extras.partition("=")[2].split(",")) == {"dashboard", "oidc", "postgres", "s3", "marks"}


@pytest.mark.parametrize("stage", ["dashboard-libraries", "worker-libraries"])
def test_a_change_of_pyproject_alone_installs_no_library_again(stage: str) -> None:
    copied = {word for line in STAGES[stage] if line.startswith("COPY ") for word in line.split()[1:-1]}
    listed = f"/build/{stage.removesuffix('-libraries')}.txt"
    assert {"--from=requirements", listed} <= copied
    assert copied <= {"--from=requirements", listed, "constraints.txt", "deploy/images/slim.py"}


def test_what_is_copied_is_there_and_sent_to_the_builder() -> None:
    sent = {line[1:] for line in (FILE.parent / "Dockerfile.dockerignore").read_text().splitlines() if line[:1] == "!"}
    copied = [
        word for line in LINES if line.startswith("COPY ") and "--from=" not in line for word in line.split()[1:-1]
    ]
    assert len(copied) > 10
    for name in copied:
        assert (ROOT / name).exists(), name
        assert name.partition("/")[0] in sent, name
