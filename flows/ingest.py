"""Ingest: check the references and masks of subjects, and store them."""

import re
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from prefect import State, flow, task

from flows.faults import fault_of
from flows.ingestion.choice import StatedEyes
from flows.ingestion.sources import redacted_subject
from flows.ingestion.store_subject import Ingested, IngestResult, prepare_and_store
from flows.outcome import completed_or_failed, result_of, summarise_reasons
from flows.progress import report_progress
from flows.resources import Resources, free_memory
from flows.spec.model import Spec
from flows.spec.parameters import ProfileName
from flows.spec.problems import SubjectError, placed_in
from flows.spec.subject import SubjectSpec

_PLACE = re.compile(r"^subjects\[(\d+)\]")
PAUSES = [5.0, 60.0]
"""Seconds to wait before a subject is ingested again that did not fit into memory."""


def _is_out_of_memory(task: Any, task_run: Any, state: State[Any]) -> bool:
    """Return whether a failed task may succeed later on this machine; outages are waited out within the task."""
    error = state.result(raise_on_failure=False)
    if not isinstance(error, Exception) or fault_of(error) != "memory":
        return False
    free_memory()
    return True


@task(
    name="ingest-subject",
    task_run_name="ingest {subject.name}",
    retries=len(PAUSES),
    retry_delay_seconds=PAUSES,
    retry_condition_fn=_is_out_of_memory,
)
def ingest_subject(subject: SubjectSpec, profile: str | None = None, stated: StatedEyes | None = None) -> Ingested:
    """Read, check, mask, annotate and store one subject. Raises SubjectError if its files are unusable.

    A worker of any pool can run it: what its eyes saw is in the catalog for every other. Faults of the infrastructure
    are waited out or retried; a file that cannot be used is not.
    """
    resources = Resources.open()
    return resources.patience().retry(lambda: prepare_and_store(subject, resources, profile=profile, stated=stated))


PART_BYTES = 300_000
"""The most bytes of subjects of one flow run: Prefect's servers take 512 KiB of parameters."""


def ingest_in_parts(spec: Spec) -> IngestResult:
    """Ingest the subjects of a spec, thousands of them by several flow runs, and return what came of all.

    Raises whatever a flow run raises; an ingestion that goes on after it finds the subjects of earlier parts stored.
    """
    done: list[Ingested] = []
    refused: dict[str, str] = {}
    first = 0
    for part in _parts(spec.subjects):
        found = _ingest_part(spec, part)
        done += found.ingested
        refused |= {name: _placed(reason, first) for name, reason in found.refused.items()}
        first += len(part)
    return IngestResult(tuple(done), refused)


def _ingest_part(spec: Spec, part: Sequence[SubjectSpec]) -> IngestResult:
    return result_of(lambda: ingest(part, spec.profile, spec.masker, spec.captioner, spec.estimators))


def _parts(subjects: Sequence[SubjectSpec]) -> Iterator[Sequence[SubjectSpec]]:
    part: list[SubjectSpec] = []
    size = 0
    for one in subjects:
        more = len(one.model_dump_json())
        if part and size + more > PART_BYTES:
            yield part
            part, size = [], 0
        part.append(one)
        size += more
    yield part


def _placed(reason: str, first: int) -> str:
    """Return a reason with the place of its subject in the spec, not in its part."""
    return _PLACE.sub(lambda found: f"subjects[{int(found[1]) + first}]", reason) if first else reason


@flow(name="ingest", flow_run_name="ingest")
def ingest(
    subjects: Sequence[SubjectSpec],
    profile: ProfileName | None = None,
    masker: str | None = None,
    captioner: str | None = None,
    estimators: Mapping[str, str] | None = None,
) -> IngestResult:
    """Ingest every subject; a bad reference does not stop the others, but the flow ends as Failed.

    The result has, for each subject, the confidence of its mask, and its caption and control images with the method or
    person that each is from, and how sure that method is.

    Args:
        subjects: Each with its reference (a path on the worker's machine, https:// or s3:// URL), or only the name of
            a subject in the catalog.
        profile: The profile whose masker, captioner and estimators are used, unless the worker's settings name others.
        masker: The masker to use instead.
        captioner: The captioner to use instead.
        estimators: The estimators to use instead, by kind of control image.
    """
    stated = StatedEyes(masker, captioner, estimators or {})
    subjects = [redacted_subject(one) for one in subjects]
    done: list[Ingested] = []
    refused: dict[str, str] = {}
    for i, subject in enumerate(subjects):
        report_progress("ingest", i, len(subjects), subject.name)
        state = ingest_subject(subject, profile, stated, return_state=True)
        try:
            done.append(state.result())
        except SubjectError as error:
            refused[subject.name] = placed_in(i, str(error))
    report_progress("ingest", len(subjects), len(subjects))
    why = [f"{name}: {reason}" for name, reason in refused.items()]
    reason = summarise_reasons(f"{len(refused)} of {len(subjects)} subjects were rejected", why) if refused else None
    return completed_or_failed(IngestResult(tuple(done), refused), reason)
