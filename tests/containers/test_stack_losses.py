"""What a run under way outlives: the loss of each container, a stopped worker, an update, and a restored backup."""

import re
import time
from pathlib import Path

import pytest
import yaml

from tests.containers.builds import ROOT, TARGETS, Builder, image
from tests.containers.person import decide, person
from tests.containers.stack import SERVICES, Stack

pytestmark = [pytest.mark.slow, pytest.mark.stack]
STANDING = ("s3", "postgres", "dashboard", "conductor", "prefect", "worker")
ENDED = ("completed", "failed", "crashed", "cancelled")


def submit(stack: Stack, folder: Path, seeds: list[int]) -> str:
    """Submit the demo's grid with other seeds, of subjects that are in the catalog; return the run when it runs."""
    spec = yaml.safe_load((ROOT / "examples" / "pocket.yaml").read_text())
    for subject in spec["subjects"]:
        del subject["reference"]
    place = folder / "again.yaml"
    place.write_text(yaml.safe_dump(spec | {"name": "again", "seeds": seeds}))
    before, _ = stack.newest_run()
    stack.docker.ask("cp", str(place), f"{stack.container('conductor')}:/data/again.yaml")
    stack.inside("conductor", "dreamtuner", "run", "/data/again.yaml", "--submit")
    return stack.until_run("running", *ENDED, after=before)[0]


def finish(stack: Stack, folder: Path, seeds: list[int]) -> None:
    """Wait for the end of the run, which is started again by itself where its process died.

    Where that does not happen within ten minutes, this says so and runs the spec again, which has to complete it.
    """
    for _ in range(3):
        state = ""

        def over() -> bool:
            nonlocal state
            # a run whose process died says "running" until somebody finds it dead
            state = stack.sql(
                "SELECT CASE WHEN state = 'running' AND seen_at < now() - interval '600 s' THEN 'dead' ELSE state END"
                " FROM runs ORDER BY started_at DESC LIMIT 1"
            )
            return state in (*ENDED, "dead")

        stack.until("the run to end", over)
        print(f"\nthe run: {state}")
        if state == "completed":
            return
        submit(stack, folder, seeds)
    pytest.fail(f"the run did not complete: {stack.sql('SELECT state, reason FROM runs')}")


def nothing_is_lost(stack: Stack, cells: int) -> None:
    """Every cell is generated, once, and every object is the one that its row names."""
    assert stack.sql("SELECT state, count(*) FROM cells GROUP BY state") == f"generated|{cells}"
    assert stack.sql("SELECT count(*), count(DISTINCT cell_id) FROM outputs") == f"{cells}|{cells}"
    stack.inside("dashboard", "dreamtuner", "verify")


def test_every_container_is_killed_once_while_a_run_is_under_way(up: Stack, tmp_path: Path) -> None:
    made, seeds = up.cells("generated"), [5, 6, 7, 8]
    restarts = {service: up.state(service)["RestartCount"] for service in STANDING}
    run = submit(up, tmp_path, seeds)
    up.until("cells to be generated", lambda: up.cells("generating", run) > 0)
    for service in STANDING[:-1]:
        assert up.newest_run() == (run, "running"), f"the run was over before {service} was killed"
        up.kill(service)
        time.sleep(2)
    up.until("the first images to be stored", lambda: up.cells("generated", run) > 0 or up.newest_run()[1] in ENDED)
    print(f"\nwhen the worker is killed, the run is {up.newest_run()[1]}; it has {up.cells('generated', run)} images")
    assert up.cells("generated", run) < 48
    up.kill("worker")
    for service in STANDING:
        up.until_healthy(service, restarts=restarts[service] + 1)
    finish(up, tmp_path, seeds)
    nothing_is_lost(up, made + 48)


def test_a_worker_that_is_stopped_hands_its_cells_back(up: Stack, tmp_path: Path) -> None:
    made, seeds = up.cells("generated"), [9, 10]
    run = submit(up, tmp_path, seeds)
    up.until("cells to be generated", lambda: up.cells("generating", run) > 0)
    up.docker.ask("stop", "--time", "900", up.container("worker"), seconds=1000)
    assert up.state("worker")["State"]["ExitCode"] == 0
    assert (up.cells("generating"), up.cells("failed")) == (0, 0)
    assert up.cells("planned", run) > 0, "the run was over before its worker was stopped"
    up.docker.ask("start", up.container("worker"))
    finish(up, tmp_path, seeds)
    nothing_is_lost(up, made + 24)


def test_an_update_while_a_run_is_under_way(up: Stack, builder: Builder, tmp_path: Path) -> None:
    made, seeds = up.cells("generated"), [11, 12]
    images = {name: builder.ours(one["build"]["target"], "next") for name, one in SERVICES.items() if "build" in one}
    others = {name: up.state(name)["Config"]["Image"] for name in ("postgres", "s3")}
    run = submit(up, tmp_path, seeds)
    up.until("cells to be generated", lambda: up.cells("generating", run) > 0)
    up.use(images | others)
    up.compose("up", "--detach", "--no-build", "--timeout", "900")
    for service in ("prepare", "register"):
        assert up.state(service)["State"]["ExitCode"] == 0, up.logs(service)
    for service in ("dashboard", "conductor", "prefect", "worker"):
        up.until_healthy(service)
        assert up.state(service)["Config"]["Image"] == images[service]
    finish(up, tmp_path, seeds)
    nothing_is_lost(up, made + 24)


def test_a_backup_is_restored_into_a_new_stack(up: Stack, tmp_path: Path) -> None:
    page = (ROOT / "docs" / "how-to" / "containers.md").read_text()
    page = page[page.index("## Back up and restore") :]
    back_up, restore = re.findall(r"```console\n(.*?)```", page, re.DOTALL)[:2]
    made = up.cells("generated")
    with person(up) as client:
        decide(client, "rejected")
    decisions = "SELECT decision, count(*) FROM outputs GROUP BY decision"
    decided = up.sql(decisions)
    as_written(up, back_up, tmp_path)
    up.compose("--profile", "demo", "down", "--volumes", "--timeout", "900")
    as_written(up, restore, tmp_path)
    assert up.sql(decisions) == decided
    nothing_is_lost(up, made)
    with person(up) as client:
        listed = client.get("/api/outputs", params={"limit": 1}).json()["outputs"]
        assert client.get(f"/thumbs/{listed[0]['image_sha256']}.webp").is_success
    submit(up, tmp_path, [1, 2, 3, 4])
    finish(up, tmp_path, [1, 2, 3, 4])
    nothing_is_lost(up, made)


def as_written(stack: Stack, block: str, folder: Path) -> None:
    """Run a console block of the page, with the project, the images and the files of this stack."""
    script = "\n".join(line.removeprefix("$ ") for line in block.splitlines())
    script = script.replace("dreamtuner_s3", f"{stack.project}_s3")
    for target in TARGETS:
        script = script.replace(f"dreamtuner/{target}", image(target))
    compose = " ".join(f"'{word}'" for word in stack.command)
    stack.docker.tell(
        ["bash", "-euc", f'cd {folder}\ndc() {{ {compose} "$@"; }}\n{script}'], seconds=3600, **stack.variables
    )
