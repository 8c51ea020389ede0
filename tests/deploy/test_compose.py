"""deploy/compose.yaml, read: images that exist, nothing open to the network, limits. tests/containers runs it."""

import re
import shutil
import subprocess
from pathlib import Path
from typing import Any

import pytest
import yaml

from deploy.images.start import SECRETS

ROOT = Path(__file__).resolve().parents[2]
FILE = ROOT / "deploy" / "compose.yaml"
STACK = yaml.safe_load(FILE.read_text())
SERVICES: dict[str, dict[str, Any]] = STACK["services"]
ONCE = {"secrets", "prepare", "register", "demo"}
STORAGE = {"postgres", "s3"}
OTHERS = STORAGE | {"prometheus", "grafana"}
TARGETS = re.findall(r"^FROM \S+ AS (\S+)$", (ROOT / "deploy" / "images" / "Dockerfile").read_text(), re.MULTILINE)


@pytest.fixture(params=sorted(SERVICES))
def service(request: pytest.FixtureRequest) -> dict[str, Any]:
    found: dict[str, Any] = SERVICES[request.param] | {"name": request.param}
    return found


def test_an_image_is_a_target_of_ours_or_pinned_by_digest(service: dict[str, Any]) -> None:
    if service["name"] in OTHERS:
        assert re.search(r":[\w.-]+@sha256:[0-9a-f]{64}$", service["image"])
    else:
        build = service["build"]
        assert (FILE.parent / build["context"]).resolve() == ROOT
        assert (ROOT / build["dockerfile"]).is_file()
        assert build["target"] in TARGETS
        assert f"dreamtuner/{build['target']}" in service["image"]


def test_nothing_is_bound_beyond_this_machine(service: dict[str, Any]) -> None:
    for port in service.get("ports", []):
        assert port.startswith("${DREAMTUNER_BIND:-127.0.0.1}:")
    if service["name"] in STORAGE | {"prometheus"}:
        assert "ports" not in service
        assert all(STACK["networks"][name].get("internal") for name in service["networks"])


def test_a_container_has_limits(service: dict[str, Any]) -> None:
    assert service["cap_drop"] == ["ALL"]
    assert service["security_opt"] == ["no-new-privileges:true"]
    assert service.get("mem_limit") or service["name"] == "worker-gpu"
    assert service["logging"]["options"]["max-size"]
    assert service["name"] in STORAGE or service["read_only"]
    wanted = "no" if service["name"] == "demo" else "on-failure:5" if service["name"] in ONCE else "unless-stopped"
    assert service["restart"] == wanted


def test_what_stands_is_probed(service: dict[str, Any]) -> None:
    if service["name"] in ONCE:
        assert service["healthcheck"] == {"disable": True}
    elif service["name"] in OTHERS | {"prefect"}:
        assert service["healthcheck"]["test"][0] == "CMD"
    else:  # by what its image says
        assert "healthcheck" not in service


def test_passwords_come_from_files_alone(service: dict[str, Any]) -> None:
    environment = service.get("environment", {})
    assert set(SECRETS) & set(environment) <= {"DREAMTUNER_CATALOG_URL"}
    assert "@postgres/" in environment.get("DREAMTUNER_CATALOG_URL", "dreamtuner@postgres/")
    assert not re.search(r"//[^/@]*:[^/@]*@", " ".join(map(str, environment.values())))
    mounted = [volume.split(":") for volume in service.get("volumes", []) if volume.startswith("secrets-")]
    for name, value in environment.items():
        if name.endswith("_FILE"):
            assert any(value.startswith(f"{place}/") and "ro" in how for _, place, *how in mounted), name


def test_everything_waits_for_what_it_needs(service: dict[str, Any]) -> None:
    for name, how in service.get("depends_on", {}).items():
        ended = "service_completed_successfully"
        assert how["condition"] == (ended if name in ONCE else "service_healthy")
        assert set(SERVICES[name].get("profiles", [])) <= set(service.get("profiles", []))


def test_volumes_and_networks_are_declared(service: dict[str, Any]) -> None:
    for volume in service.get("volumes", []):
        source = volume.partition(":")[0]
        assert source in STACK["volumes"] or (FILE.parent / source).exists(), source
    assert set(service.get("networks", [])) <= set(STACK["networks"])
    if "/data" in str(service.get("volumes", "")):
        assert all(volume.count(":") >= 1 for volume in service["volumes"])


def test_the_server_of_prefect_is_the_one_whose_schedules_work() -> None:
    assert SERVICES["prefect"]["command"][:3] == ["python3", "-m", "deploy.prefect.standing_server"]
    assert (ROOT / "deploy" / "prefect" / "standing_server.py").is_file()


@pytest.mark.slow
def test_compose_accepts_the_file_with_every_profile() -> None:
    command = ["docker", "compose"]
    if (
        shutil.which("docker") is None
        or subprocess.run([*command, "version"], capture_output=True, check=False).returncode
    ):
        if shutil.which("docker-compose") is None:
            pytest.skip("no docker compose: install Debian's docker-compose (.ci/run does)")
        command = ["docker-compose"]
    profiles = {name for one in SERVICES.values() for name in one.get("profiles", [])}
    assert profiles == {"demo", "gpu", "observability"}
    words = [word for name in sorted(profiles) for word in ("--profile", name)]
    done = subprocess.run(
        [*command, "-f", str(FILE), *words, "config"], capture_output=True, text=True, check=False, timeout=300
    )
    assert done.returncode == 0, done.stderr
    assert set(yaml.safe_load(done.stdout)["services"]) == set(SERVICES)
