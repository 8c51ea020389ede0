"""Deployments that an earlier version registered: found by their entrypoints and files, told with the remedy."""

from pathlib import Path
from typing import Any

import pytest
import yaml

from deploy.deployments import CHECKOUT, declared, outdated

WANTED = {"attention": "flows/attention.py:attention"}


def row(name: str = "attention", entrypoint: str = WANTED["attention"], **more: Any) -> dict[str, Any]:
    steps = [{"prefect.deployments.steps.set_working_directory": {"directory": str(CHECKOUT)}}]
    return {"name": name, "entrypoint": entrypoint, "tags": ["dreamtuner", "gpu"], "pull_steps": steps, **more}


def test_declared_is_what_prefect_yaml_says() -> None:
    content = yaml.safe_load((CHECKOUT / "prefect.yaml").read_text())
    assert declared() == {one["name"]: one["entrypoint"] for one in content["deployments"]}


def test_without_the_file_nothing_is_declared(tmp_path: Path) -> None:
    assert declared(tmp_path) == {}


@pytest.mark.parametrize(
    ("there", "said"),
    [
        (row(), None),
        (row(entrypoint="flows/attend.py:attention"), "update it with `dreamtuner deploy`"),
        (row("attend", "flows/attend.py:attend"), "`prefect deployment delete attend/attend`"),
        (row("other", "flows/score.py:score"), None),
        (row(entrypoint="flows/attend.py:attention", tags=["theirs"]), None),
        # a worker on another machine may have it
        (row("attend", "flows/attend.py:attend", pull_steps=[], path="/no/such/folder"), None),
    ],
)
def test_what_is_not_as_declared_is_told_with_the_remedy(there: dict[str, Any], said: str | None) -> None:
    found = outdated([there], WANTED)
    assert len(found) == (said is not None)
    if said is not None:
        assert said in str(found[0])
        assert "flows/attend.py" in str(found[0])


def test_where_nothing_is_declared_a_missing_file_is_still_found() -> None:
    [found] = outdated([row(entrypoint="flows/attend.py:attention"), row("score", "flows/score.py:score")], {})
    assert "flows/attend.py does not exist; update it with `dreamtuner deploy`" in str(found)
