"""prefect.yaml: Prefect passes over unknown keys in silence, so the file is held here."""

from importlib import import_module
from pathlib import Path
from typing import Any

import pytest
import yaml
from prefect import Flow

ROOT = Path(__file__).resolve().parents[2]
CONTENT: dict[str, Any] = yaml.safe_load((ROOT / "prefect.yaml").read_text())
KEYS = {"name", "description", "entrypoint", "tags", "work_pool", "concurrency_limit", "parameters", "schedules"}


def test_top_level_keys() -> None:
    assert set(CONTENT) <= {"name", "prefect-version", "build", "push", "pull", "deployments", "definitions"}


@pytest.mark.parametrize("deployment", CONTENT["deployments"], ids=lambda one: one["name"])
def test_each_deployment_has_known_keys_and_names_a_flow_of_ours(deployment: dict[str, Any]) -> None:
    assert set(deployment) <= KEYS
    assert set(deployment["work_pool"]) <= {"name", "work_queue_name", "job_variables"}
    assert set(deployment.get("concurrency_limit", {})) <= {"limit", "collision_strategy"}
    path, name = deployment["entrypoint"].split(":")
    assert (ROOT / path).is_file()
    flow = getattr(import_module(path.removesuffix(".py").replace("/", ".")), name)
    assert isinstance(flow, Flow)
    assert flow.name == deployment["name"]
    assert "spec" in flow.parameters.properties
