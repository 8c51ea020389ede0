"""Deployments that a Prefect server holds from an earlier version, found by comparing them with prefect.yaml.

A deployment remembers the file of its flow as it was when it was registered. When a version moves the file, a worker
fails each of its runs; nothing else says why.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

TAG = "dreamtuner"
"""Marks deployments that come from our prefect.yaml."""
CHECKOUT = Path(__file__).resolve().parents[1]


@dataclass(frozen=True)
class Outdated:
    """A deployment whose flow a worker will not find where it looks, and what mends that."""

    name: str
    problem: str
    remedy: str

    def __str__(self) -> str:
        return f"deployment {self.name}: {self.problem}; {self.remedy}"


def declared(root: Path = CHECKOUT) -> dict[str, str]:
    """Read each deployment's entrypoint, by name, from root/prefect.yaml; nothing where no such file is."""
    file = root / "prefect.yaml"
    if not file.is_file():
        return {}
    return {one["name"]: one["entrypoint"] for one in yaml.safe_load(file.read_text("utf-8"))["deployments"]}


def outdated(rows: Iterable[Mapping[str, Any]], wanted: Mapping[str, str]) -> list[Outdated]:
    """Find the deployments of ours whose entrypoint is not the declared one, or whose file is gone.

    `rows`: deployments as Prefect's API gives them. `wanted`: what `declared` read; empty compares no entrypoints.
    A file is looked for only where the deployment's folder is on this machine: a worker may have its own.
    """
    found = []
    for row in sorted(rows, key=lambda row: str(row["name"])):
        name, entrypoint = str(row["name"]), str(row.get("entrypoint") or "")
        if TAG not in (row.get("tags") or ()):
            continue
        if name in wanted and entrypoint != wanted[name]:
            problem = f"its entrypoint is {entrypoint or 'empty'}, prefect.yaml says {wanted[name]}"
        elif (file := _missing_file(row, entrypoint)) is not None:
            problem = f"{file} does not exist"
        else:
            continue
        known = name in wanted or not wanted
        remedy = "`dreamtuner deploy` registers it anew"
        if not known:
            remedy = f"prefect.yaml has it no more: `prefect deployment delete {name}/{name}`"
        found.append(Outdated(name, problem, remedy))
    return found


def _missing_file(row: Mapping[str, Any], entrypoint: str) -> Path | None:
    """The flow's file, if its folder is on this machine and the file is not."""
    folder = _folder(row)
    if folder is None or not folder.is_dir():
        return None
    file = folder / entrypoint.partition(":")[0]
    return None if file.is_file() else file


def _folder(row: Mapping[str, Any]) -> Path | None:
    """Where the deployment's worker steps before it looks for the file."""
    for step in row.get("pull_steps") or ():
        for kind, inputs in step.items():
            if kind.endswith("set_working_directory") and "directory" in inputs:
                return Path(inputs["directory"])
    return Path(row["path"]) if row.get("path") else None
