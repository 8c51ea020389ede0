"""The compose file takes the demo from nothing to approved images, and holds its containers as it says."""

import time

import pytest
import yaml

from tests.containers.builds import ROOT
from tests.containers.person import decide, person
from tests.containers.stack import Stack

pytestmark = [pytest.mark.slow, pytest.mark.stack]
CELLS = 48


def test_the_demo_is_approved_in_the_dashboard(up: Stack, began: float) -> None:
    with person(up) as client:
        listed = client.get("/api/outputs", params={"limit": 300}).json()["outputs"]
        assert len(listed) == CELLS
        thumbnail = client.get(f"/thumbs/{listed[0]['image_sha256']}.webp")
        assert (thumbnail.status_code, thumbnail.headers["content-type"]) == (200, "image/webp")
        assert f"{CELLS} decided" in decide(client, "approved")
        listed = client.get("/api/outputs", params={"limit": 300}).json()["outputs"]
        assert {one["decision"] for one in listed} == {"approved"}
    print(f"\nfrom `up` to {CELLS} approved images: {time.monotonic() - began:.0f} s")


def test_containers_are_held_as_the_file_says(up: Stack) -> None:
    for service in ("dashboard", "worker", "conductor", "prefect"):
        up.until_healthy(service)
        found = up.state(service)
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
    manifests = (ROOT / "deploy" / "kubernetes" / "standing-workers" / "scaling.yaml").read_text()
    [scaled] = [one for one in yaml.safe_load_all(manifests) if one["kind"] == "ScaledObject"]
    for trigger, database in zip(scaled["spec"]["triggers"], ("dreamtuner", "prefect"), strict=True):
        up.until(f"no work in {database}", lambda t=trigger, d=database: up.sql(t["metadata"]["query"], d) == "0")  # type: ignore[misc]
