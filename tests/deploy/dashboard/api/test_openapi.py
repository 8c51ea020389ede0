"""The OpenAPI document: made from the routes' models, kept as a file, and true of what is answered."""

import json
from pathlib import Path
from typing import Any

import httpx
import jsonschema
import pytest

from deploy.dashboard.api.app import create_api
from tests.deploy.dashboard.api.conftest import Program
from tests.deploy.dashboard.conftest import Site

KEPT = Path(__file__).parents[4] / "docs" / "reference" / "openapi.json"


@pytest.fixture(scope="module")
def document() -> dict[str, Any]:
    return create_api(1).openapi()


def test_it_is_the_one_that_is_kept(document: dict[str, Any]) -> None:
    remedy = f"python -m deploy.dashboard.api.document > {KEPT.name}, and look at what changed for programs"
    assert json.loads(KEPT.read_text()) == document, remedy


def test_every_reference_in_it_is_there_and_every_schema_is_one(document: dict[str, Any]) -> None:
    assert document["openapi"].startswith("3.1")

    def visit(value: Any) -> None:
        if isinstance(value, dict):
            if isinstance(reference := value.get("$ref"), str):
                found: Any = document
                for part in reference.removeprefix("#/").split("/"):
                    found = found[part]
            for one in value.values():
                visit(one)
        elif isinstance(value, list):
            for one in value:
                visit(one)

    visit(document)
    for schema in document["components"]["schemas"].values():
        jsonschema.Draft202012Validator.check_schema(schema)
    names = [op["operationId"] for path in document["paths"].values() for op in path.values()]
    assert len(names) == len(set(names))


def test_every_operation_says_its_right_its_problems_and_its_key(document: dict[str, Any]) -> None:
    for path, operations in document["paths"].items():
        for method, about in operations.items():
            assert about["security"], path
            assert "application/problem+json" in about["responses"]["401"]["content"], path
            keys = [one for one in about.get("parameters", ()) if one["name"] == "Idempotency-Key"]
            assert bool(keys) == (method == "post"), path
            assert about["description"], path


@pytest.mark.parametrize(
    "path", ["/me", "/subjects", "/subjects/1", "/runs", "/outputs", "/outputs/1", "/metrics", "/webhooks"]
)
def test_an_answer_is_as_its_schema_says(path: str, document: dict[str, Any], shared: Site, program: Program) -> None:
    template = path.replace("/subjects/1", "/subjects/{subject_id}").replace("/outputs/1", "/outputs/{output_id}")
    responses = document["paths"][template]["get"]["responses"]
    schema = responses["200"]["content"]["application/json"]["schema"] | {"components": document["components"]}
    jsonschema.Draft202012Validator(schema).validate(program(shared).get(path).json())


def test_it_is_served_to_everybody(document: dict[str, Any], shared: Site) -> None:
    assert httpx.get(f"{shared.base}/api/v1/openapi.json").json() == document
