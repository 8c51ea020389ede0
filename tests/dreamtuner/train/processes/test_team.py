"""What a launcher may start, and what the starting process hears of the others."""

import json
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
import torch

from dreamtuner.train.processes.team import LauncherError, Replicas
from dreamtuner.train.processes.watch import Watch
from dreamtuner.train.stage import Events
from dreamtuner.train.tensor_file import write_tensors


@pytest.mark.parametrize(("kind", "fine"), [("MULTI_GPU", True), ("MULTI_CPU", True), ("FSDP", False)])
def test_a_launchers_own_sharding_and_precision_are_not_used(
    monkeypatch: pytest.MonkeyPatch, kind: str, fine: bool
) -> None:
    given: dict[str, Any] = {}

    def accelerator(**options: Any) -> Any:
        given.update(options)
        return SimpleNamespace(distributed_type=SimpleNamespace(value=kind), process_index=1, num_processes=2)

    monkeypatch.setattr("accelerate.Accelerator", accelerator)
    if fine:
        assert Replicas("cpu").rank == 1
        assert given == {"cpu": True, "mixed_precision": "no"}
    else:
        with pytest.raises(LauncherError, match="FSDP; give distributed_type: MULTI_GPU"):
            Replicas("cpu")


def test_a_watch_reports_what_is_new_once(tmp_path: Path) -> None:
    seen: list[Any] = []
    events = Events(
        lambda line: seen.append((line["step"], line["steps"], line["seconds_left"])),
        lambda step: seen.append(f"saved {step}"),
        lambda step, file: seen.append(file.name),
    )

    def write(step: int) -> None:
        with (tmp_path / "log.jsonl").open("a") as log:
            log.write(json.dumps({"step": step, "steps_per_second": 2.0}) + "\n")
        (tmp_path / f"preview-{step:06d}.png").touch()
        write_tensors(tmp_path / "state.safetensors", {"one": torch.zeros(1)}, {"step": str(step)})

    for step in (10, 20):
        write(step)
    with (tmp_path / "log.jsonl").open("a") as log:
        log.write(json.dumps({"step": 25}) + "\n")  # after the last state of a training that was killed
    watch = Watch(tmp_path, 100, events)
    watch.look()
    assert seen == []
    write(30)
    watch.look()
    watch.look()
    assert seen == [(30, 100, 35.0), "preview-000030.png", "saved 30"]
