"""The images are built and run, and the compose file takes the demo from nothing to approved images."""

import json
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.containers.builds import ROOT, Builder, pip_conf
from tests.containers.engine import Engine, engine
from tests.containers.stack import Stack, stack_of, token

pytestmark = [pytest.mark.slow, pytest.mark.stack]
TARGETS = ("dashboard", "worker", "conductor")
MOST_MB = {"dashboard": 350, "worker": 8000, "conductor": 8000}
CELLS = 48


@pytest.fixture(scope="module")
def docker() -> Iterator[Engine]:
    with engine() as found:
        yield found


@pytest.fixture(scope="module")
def builder(docker: Engine, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Builder]:
    folder = tmp_path_factory.mktemp("build")
    with pip_conf(folder) as conf:
        yield Builder(docker, conf, folder)


@pytest.fixture(scope="module")
def stack(docker: Engine, builder: Builder, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stack]:
    with stack_of(docker, builder, tmp_path_factory.mktemp("stack")) as found:
        yield found


@pytest.fixture(scope="module")
def up(stack: Stack) -> Stack:
    """The stack with the demo submitted, and generated."""
    start = time.monotonic()
    stack.compose("--profile", "demo", "up", "--detach", "--no-build")
    print(f"up after {time.monotonic() - start:.0f} s")
    stack.until_run("completed")
    print(f"the demo's grid after {time.monotonic() - start:.0f} s")
    return stack


@pytest.mark.parametrize("target", TARGETS)
def test_an_image_is_small_and_says_what_it_holds(docker: Engine, stack: Stack, target: str) -> None:
    name = f"dreamtuner-test-{target}"
    [found] = json.loads(docker.ask("image", "inspect", name).stdout)
    print(f"{target}: {found['Size'] / 1e6:.0f} MB")
    assert found["Size"] < MOST_MB[target] * 1e6
    assert found["Config"]["User"] == "10001:10001"
    listed = docker.ask("run", "--rm", "--entrypoint=cat", name, "/opt/dreamtuner/sbom.cdx.json").stdout
    parts = {one["name"].lower() for one in json.loads(listed)["components"]}
    assert "sqlalchemy" in parts
    assert ({"torch", "prefect"} <= parts) == (target != "dashboard")
    assert not any(part.startswith("nvidia") for part in parts)


@pytest.mark.parametrize("target", TARGETS)
def test_an_image_needs_neither_a_writable_root_nor_a_shell(docker: Engine, stack: Stack, target: str) -> None:
    bare = ("run", "--rm", "--read-only", "--tmpfs=/tmp", "--cap-drop=ALL", "--network=none")
    name = f"dreamtuner-test-{target}"
    assert docker.ask(*bare, name, "dreamtuner", "--version").stdout.startswith("dreamtuner ")
    unset = docker.ask(*bare, "--env=PGPASSWORD_FILE=/none", name, "dreamtuner", "--version", check=False)
    assert (unset.returncode, "PGPASSWORD_FILE: /none cannot be read" in unset.stderr) == (2, True)


def test_nothing_of_this_machine_stays_in_a_layer(docker: Engine, builder: Builder, stack: Stack) -> None:
    for target in TARGETS:
        name = f"dreamtuner-test-{target}"
        assert "127.0.0.1:" not in docker.ask("history", "--no-trunc", name).stdout.replace("127.0.0.1:8", "")
        assert docker.ask("run", "--rm", "--entrypoint=cat", name, "/etc/pip.conf", check=False).returncode == 1


def test_a_build_without_a_change_is_all_cache(docker: Engine, builder: Builder, stack: Stack) -> None:
    before = docker.ask("image", "inspect", "--format={{.Id}}", "dreamtuner-test-conductor").stdout
    builder.ours("conductor")
    steps = [line for line in builder.said.splitlines() if " RUN " in line or " COPY " in line]
    assert builder.said.count("CACHED") >= len({line.partition("]")[0] for line in steps}) > 5
    assert docker.ask("image", "inspect", "--format={{.Id}}", "dreamtuner-test-conductor").stdout == before


def test_the_demo_is_approved_in_the_dashboard(up: Stack) -> None:
    with up.person() as client:
        listed = client.get("/api/outputs", params={"limit": 300}).json()["outputs"]
        assert len(listed) == CELLS
        thumbnail = client.get(f"/thumbs/{listed[0]['image_sha256']}.webp")
        assert (thumbnail.status_code, thumbnail.headers["content-type"]) == (200, "image/webp")
        csrf = token(client.get("/outputs"))
        counted = client.post("/bulk/count", data={"csrf": csrf, "to": "approved"})
        queue = next(part for part in counted.text.split('"') if part.startswith("/bulk/") and part != "/bulk/count")
        done = client.post(queue, data={"csrf": csrf})
        assert f"{CELLS} decided" in done.text
        listed = client.get("/api/outputs", params={"limit": 300}).json()["outputs"]
        assert {one["decision"] for one in listed} == {"approved"}


def test_containers_are_held_as_the_file_says(up: Stack) -> None:
    for service in ("dashboard", "worker", "conductor", "prefect"):
        found = up.state(service)
        assert found["State"]["Health"]["Status"] == "healthy", service
        assert found["HostConfig"]["ReadonlyRootfs"], service
        assert found["HostConfig"]["CapDrop"] == ["ALL"], service
        assert found["HostConfig"]["Memory"] > 0, service
        bound = [one for ports in (found["HostConfig"]["PortBindings"] or {}).values() for one in ports]
        assert {one["HostIp"] for one in bound} <= {"127.0.0.1"}, service
    passwords = [up.docker.ask("inspect", up.container(one)).stdout for one in ("dashboard", "worker", "postgres")]
    secret = up.inside("dashboard", "cat", "/run/secrets/postgres/password").strip()
    assert len(secret) == 64
    assert not any(secret in said for said in passwords)


def test_queue_depth_is_what_the_autoscaler_asks(up: Stack) -> None:
    import yaml

    manifests = (ROOT / "deploy" / "kubernetes" / "standing-workers" / "scaling.yaml").read_text()
    [scaled] = [one for one in yaml.safe_load_all(manifests) if one["kind"] == "ScaledObject"]
    for trigger, database in zip(scaled["spec"]["triggers"], ("dreamtuner", "prefect"), strict=True):
        psql = ("psql", "-U", "dreamtuner", "-d", database, "-tAc", trigger["metadata"]["query"])
        assert up.docker.ask("exec", up.container("postgres"), *psql).stdout.strip() == "0"


def test_a_run_outlives_database_objects_and_those_beside_it(up: Stack, tmp_path: Path) -> None:
    made = up.status()["cells"]["generated"]
    spec = (ROOT / "examples" / "pocket.yaml").read_text().replace("[1, 2, 3, 4]", "[5, 6]")
    for name in ("pip", "momo", "bolt"):
        spec = spec.replace(f", reference: references/{name}.png", "")
    place = tmp_path / "again.yaml"
    place.write_text(spec.replace("name: field-trip", "name: killed"))
    up.docker.ask("cp", str(place), f"{up.container('worker')}:/data/again.yaml")
    up.inside("worker", "dreamtuner", "run", "/data/again.yaml", "--submit")
    up.until_run("running")
    for service in ("s3", "postgres", "dashboard", "conductor"):
        up.kill(service)
        time.sleep(5)
    time.sleep(20)
    said = up.until_run("completed")
    assert said["cells"]["generated"] == made + CELLS // 2
    assert said["cells"]["failed"] == said["cells"]["lost"] == 0
    for service in ("s3", "postgres", "dashboard", "conductor"):
        assert up.state(service)["RestartCount"] >= 1, service


def test_a_worker_and_a_server_that_are_killed_lose_nothing_that_was_made(up: Stack) -> None:
    before = up.status()["cells"]
    up.kill("worker")
    up.kill("prefect")
    deadline = time.monotonic() + 300
    while up.state("prefect")["State"]["Health"]["Status"] != "healthy":
        assert time.monotonic() < deadline, up.logs("prefect")[-2000:]
        time.sleep(2)
    known = {run["id"] for run in up.status()["runs"]}
    up.docker.ask("start", up.container("demo"))
    while {run["id"] for run in up.status()["runs"]} == known:
        assert time.monotonic() < deadline, up.logs("worker")[-2000:]
        time.sleep(2)
    assert up.until_run("completed")["cells"] == before
