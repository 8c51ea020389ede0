"""prefect.yaml: Prefect passes over unknown keys in silence, so the file is held here."""

from importlib import import_module
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import pytest
import yaml
from prefect import Flow
from prefect._vendor.croniter import croniter
from prefect.exceptions import ParameterTypeError

from flows.catalog import catalog
from flows.score import score

ROOT = Path(__file__).resolve().parents[2]
CONTENT: dict[str, Any] = yaml.safe_load((ROOT / "prefect.yaml").read_text())
SUBJECT = {"name": "pip", "class_word": "bear", "reference": "pip.png"}
FORMS: dict[str, dict[str, Any]] = {
    "catalog": {"spec": {"name": "trip", "subjects": [SUBJECT], "prompts": ["a {subject}"], "seeds": [1]}},
    "video": {"spec": {"name": "trip", "subjects": [SUBJECT], "prompts": ["a {subject}"], "seeds": [1]}, "fps": 8},
    "finetune": {"subject": "pip", "profile": "pocket", "mode": "lora", "steps": 300, "settings": {"rank": 4}},
    "nightly": {},
    "ingest": {"subjects": [SUBJECT]},
    "prepare": {"data": "images", "profile": "pocket", "options": {"kinds": ["depth"], "tags": True}},
    "generate": {"run_id": "r"},
    "attention": {"cell": "0" * 64, "point": "0.5,0.3"},
    "score": {"run_id": "r", "profile": "pocket", "metrics": ["clip_i"]},
}
"""What Prefect's form would send."""
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
    assert deployment["name"] in (flow.name, f"{flow.name}-gpu")
    assert set(flow.parameters.required or ()) <= {"data", "spec", "specs", "subject", "subjects", "run_id", "cell"}
    flow.validate_parameters(FORMS[flow.name] | deployment.get("parameters", {}))
    for schedule in deployment.get("schedules", []):
        assert set(schedule) == {"cron", "timezone", "slug", "active"}
        assert croniter.is_valid(schedule["cron"])
        assert ZoneInfo(schedule["timezone"])


def test_every_flow_but_those_to_come_is_deployed_on_the_pool_that_can_carry_it_out() -> None:
    pools = {one["name"]: one["work_pool"]["name"] for one in CONTENT["deployments"]}
    cpu, gpu = "dreamtuner-cpu", "dreamtuner-gpu"
    drawing = dict.fromkeys(("video", "finetune", "prepare", "generate", "attention"), gpu)
    conducting = {"catalog": cpu, "nightly": cpu}
    assert pools == drawing | conducting | {"ingest": cpu, "ingest-gpu": gpu, "score": cpu}


def test_a_form_is_made_of_models_and_explains_its_fields() -> None:
    subject = catalog.parameters.definitions["SubjectSpec"]["properties"]
    assert subject["style"]["anyOf"][0]["enum"] == ["natural", "anime"]
    assert "plain noun" in subject["class_word"]["description"]
    assert score.parameters.properties["metrics"]["description"]
    with pytest.raises(ParameterTypeError, match="there is no metric 'clap'"):
        score.validate_parameters({"run_id": "r", "profile": "pocket", "metrics": ["clap"]})
