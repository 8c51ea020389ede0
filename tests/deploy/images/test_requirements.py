"""An image's layer of libraries holds what the extras of pyproject.toml bring, and nothing else."""

import tomllib
from pathlib import Path

import pytest

from deploy.images.requirements import requirements

ROOT = Path(__file__).resolve().parents[3]
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
OPTIONAL = PROJECT["optional-dependencies"]


def test_extras_add_to_the_core() -> None:
    assert set(requirements(PROJECT, [])) == set(PROJECT["dependencies"])
    wanted = {*PROJECT["dependencies"], *OPTIONAL["postgres"], *OPTIONAL["s3"]}
    assert requirements(PROJECT, ["postgres", "s3"]) == sorted(wanted)


def test_extras_within_extras_are_followed() -> None:
    wanted = {*PROJECT["dependencies"], "onnxruntime>=1.24,<2", *OPTIONAL["masks"]}
    assert set(requirements(PROJECT, ["eyes"])) == wanted
    assert not any(line.startswith("dreamtuner") for line in requirements(PROJECT, ["all"]))


def test_an_unknown_extra_is_refused_with_those_that_exist() -> None:
    with pytest.raises(KeyError, match=r"no extra 'dashbord'; choose from: .*dashboard"):
        requirements(PROJECT, ["dashbord"])
