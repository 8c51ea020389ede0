"""The images: how large they are, what they need to run, and what is not in them."""

import json

import pytest

from tests.containers.builds import TARGETS, Builder, image
from tests.containers.engine import Engine

pytestmark = [pytest.mark.slow, pytest.mark.stack]
MOST_MB = {"dashboard": 350, "worker": 8000, "conductor": 8000}


@pytest.fixture(scope="module", params=TARGETS)
def target(request: pytest.FixtureRequest, builder: Builder) -> str:
    builder.ours(request.param)
    return str(request.param)


def test_an_image_is_small_and_says_what_it_holds(docker: Engine, target: str) -> None:
    [found] = json.loads(docker.ask("image", "inspect", image(target)).stdout)
    print(f"\n{target}: {found['Size'] / 1e6:.0f} MB")
    assert found["Size"] < MOST_MB[target] * 1e6
    assert found["Config"]["User"] == "10001:10001"
    assert found["Config"]["Healthcheck"]["Test"][:3] == ["CMD", "python3", "-m"]
    assert found["Config"]["Labels"]["org.opencontainers.image.version"] == "latest"
    listed = docker.ask("run", "--rm", "--entrypoint=cat", image(target), "/opt/dreamtuner/sbom.cdx.json").stdout
    parts = {one["name"].lower() for one in json.loads(listed)["components"]}
    assert "sqlalchemy" in parts
    assert ({"torch", "prefect"} <= parts) == (target != "dashboard")
    assert not any(part.startswith("nvidia") for part in parts)


def test_an_image_needs_neither_a_writable_root_nor_a_shell(docker: Engine, target: str) -> None:
    bare = ("run", "--rm", "--read-only", "--tmpfs=/tmp", "--cap-drop=ALL", "--network=none")
    assert docker.ask(*bare, image(target), "dreamtuner", "--version", seconds=900).stdout.startswith("dreamtuner ")
    unset = docker.ask(*bare, "--env=PGPASSWORD_FILE=/none", image(target), "dreamtuner", "--version", check=False)
    assert (unset.returncode, "PGPASSWORD_FILE: /none cannot be read" in unset.stderr) == (2, True)


def test_nothing_of_this_machine_stays_in_a_layer(docker: Engine, target: str) -> None:
    assert "127.0.0.1:" not in docker.ask("history", "--no-trunc", image(target)).stdout.replace("127.0.0.1:8", "")
    assert docker.ask("run", "--rm", "--entrypoint=cat", image(target), "/etc/pip.conf", check=False).returncode == 1


def test_a_build_without_a_change_is_all_cache(docker: Engine, builder: Builder, target: str) -> None:
    before = docker.ask("image", "inspect", "--format={{.Id}}", image(target)).stdout
    builder.ours(target)
    assert _steps(builder.said) == set()
    assert docker.ask("image", "inspect", "--format={{.Id}}", image(target)).stdout == before


def test_another_version_shares_every_layer(docker: Engine, builder: Builder, target: str) -> None:
    builder.ours(target, "next")
    assert _steps(builder.said) == set()
    layers = [
        docker.ask("image", "inspect", "--format={{json .RootFS.Layers}}", image(target, version)).stdout
        for version in ("latest", "next")
    ]
    assert layers[0] == layers[1]


def _steps(said: str) -> set[str]:
    """The numbers of the steps that were run, and not taken from the cache, in BuildKit's plain progress."""
    ran = {
        line.split()[0] for line in said.splitlines() if "] RUN " in line or "] COPY " in line or "] WORKDIR " in line
    }
    cached = {line.split()[0] for line in said.splitlines() if line.endswith(" CACHED")}
    assert len(ran) > 5, said
    return ran - cached
