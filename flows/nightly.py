"""Nightly: run every spec of a folder, one after the other; finished cells are skipped."""

import logging
from collections.abc import Mapping
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import cast

from prefect import flow

from flows.catalog import catalog
from flows.ingestion.sources import redacted
from flows.outcome import result_of
from flows.reporting.summary import RunSummary
from flows.resources import Resources
from flows.spec.model import Spec
from flows.spec.problems import InputError, Problem
from flows.spec.stored import FROM, as_parameter, keep_spec
from flows.spec.yaml_file import read_spec
from storage.catalog.records import Priority

_log = logging.getLogger(__name__)
PERSON = "nightly"
"""Who keeps specs that are too large for Prefect, as the audit names it."""


class NightlyError(RuntimeError):
    """Some specs failed; the message names each with its reason."""


@dataclass(frozen=True)
class NightlySummary:
    """The cells generated, and those skipped (done before, or by others), of each spec by file name."""

    made: Mapping[str, int]
    skipped: Mapping[str, int]


@flow(name="nightly", flow_run_name="nightly {specs}")
def nightly(specs: Path, priority: Priority = "low") -> NightlySummary:
    """Run the *.yaml specs in the folder `specs`, in the order of their names.

    A spec that is invalid or fails does not stop the others; NightlyError lists all of these at the end.

    Args:
        specs: A folder of specs, relative to the folder that the flows were deployed from.
        priority: The priority of specs that name none: low, so that what is ordered meanwhile comes first.
    """
    files = sorted(specs.glob("*.yaml"))
    if not files:
        raise InputError("specs", [Problem(path=(), message=f"no *.yaml file in {specs}; give a folder of specs")])
    made: dict[str, int] = {}
    skipped: dict[str, int] = {}
    failed: list[str] = []
    for file in files:
        try:
            summary = _run_spec(_with_priority(read_spec(file), priority))
        except Exception as error:
            _log.exception("spec %s failed", file)
            failed.append(f"{file.name}: {error}")
            continue
        made[file.name], skipped[file.name] = summary.made, summary.skipped
        if summary.failed:
            failed.append(f"{file.name}: {summary.reason} (run {summary.run})")
    if failed:
        raise NightlyError("; ".join(failed))
    return NightlySummary(made, skipped)


def _with_priority(spec: Spec, priority: Priority) -> Spec:
    return redacted(spec if "priority" in spec.model_fields_set else spec.model_copy(update={"priority": priority}))


def _run_spec(spec: Spec) -> RunSummary:
    resources = Resources.open()
    keep = partial(keep_spec, resources.catalog, resources.store, name=spec.name, person=PERSON)
    given = as_parameter(spec.model_dump(mode="json"), keep)
    # the flow reads a spec that is too large for Prefect from where it is kept
    return result_of(lambda: catalog(cast(Spec, given) if FROM in given else spec))
