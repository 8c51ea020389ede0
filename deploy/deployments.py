"""Finds deployments on a Prefect server from an earlier version, by comparing them with prefect.yaml.

A deployment stores the path of its flow's file. If a later version moves the file, workers fail its runs without a
helpful message.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

TAG = "dreamtuner"
"""The tag of deployments from our prefect.yaml."""
CHECKOUT = Path(__file__).resolve().parents[1]


@dataclass(frozen=True)
class Outdated:
    """A deployment whose flow workers cannot find, and the remedy."""

    name: str
    problem: str
    remedy: str

    def __str__(self) -> str:
        return f"deployment {self.name}: {self.problem}; {self.remedy}"


def declared(root: Path = CHECKOUT) -> dict[str, str]:
    """Read each deployment's entrypoint, by name, from root/prefect.yaml; empty if there is no such file."""
    file = root / "prefect.yaml"
    if not file.is_file():
        return {}
    return {one["name"]: one["entrypoint"] for one in yaml.safe_load(file.read_text("utf-8"))["deployments"]}


def outdated(rows: Iterable[Mapping[str, Any]], wanted: Mapping[str, str]) -> list[Outdated]:
    """Find the deployments of ours whose entrypoint is not the declared one, or whose file is gone.

    `rows`: deployments as Prefect's API gives them. `wanted`: what `declared` read; empty compares no entrypoints.
    Files are checked only if the deployment's folder is on this machine: workers may have their own.
    """
    found = []
    for row in sorted(rows, key=lambda row: str(row["name"])):
        name, entrypoint = str(row["name"]), str(row.get("entrypoint") or "")
        if TAG not in (row.get("tags") or ()):
            continue
        if name in wanted and entrypoint != wanted[name]:
            problem = f"its entrypoint is {entrypoint or 'empty'}, but {wanted[name]} in prefect.yaml"
        elif (file := _missing_file(row, entrypoint)) is not None:
            problem = f"{file} does not exist"
        else:
            continue
        known = name in wanted or not wanted
        remedy = "update it with `dreamtuner deploy`"
        if not known:
            remedy = f"it is no longer in prefect.yaml; delete it with `prefect deployment delete {name}/{name}`"
        found.append(Outdated(name, problem, remedy))
    return found


def _missing_file(row: Mapping[str, Any], entrypoint: str) -> Path | None:
    """Return the flow's file if its folder is on this machine but the file is missing."""
    folder = _folder(row)
    if folder is None or not folder.is_dir():
        return None
    file = folder / entrypoint.partition(":")[0]
    return None if file.is_file() else file


def _folder(row: Mapping[str, Any]) -> Path | None:
    """Return the working folder of the deployment's workers."""
    for step in row.get("pull_steps") or ():
        for kind, inputs in step.items():
            if kind.endswith("set_working_directory") and "directory" in inputs:
                return Path(inputs["directory"])
    return Path(row["path"]) if row.get("path") else None
