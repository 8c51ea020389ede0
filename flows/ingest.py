"""Ingest: check the references and masks of subjects, and store them."""

from collections.abc import Mapping, Sequence
from typing import Any

from prefect import State, flow, task

from flows.faults import fault_of
from flows.ingestion.choice import StatedEyes
from flows.ingestion.sources import redacted_subject
from flows.ingestion.store_subject import Ingested, IngestResult, prepare_and_store
from flows.outcome import completed_or_failed, summarise_reasons
from flows.progress import report_progress
from flows.resources import Resources, free_memory
from flows.spec.parameters import ProfileName
from flows.spec.problems import SubjectError, placed_in
from flows.spec.subject import SubjectSpec

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
