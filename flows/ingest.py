"""Ingest: check the references and masks of subjects, and store them."""

from collections.abc import Sequence

from prefect import flow, task

from flows.ingestion.sources import redacted_subject
from flows.ingestion.store_subject import Ingested, IngestResult, prepare_and_store
from flows.outcome import completed_or_failed, summarise_reasons
from flows.progress import report_progress
from flows.resources import Resources
from flows.spec.parameters import ProfileName
from flows.spec.problems import SubjectError
from flows.spec.subject import SubjectSpec


@task(name="ingest-subject", task_run_name="ingest {subject.name}")
def ingest_subject(subject: SubjectSpec, profile: str | None = None) -> Ingested:
    """Read, check, mask and store one subject. Raises SubjectError if its files are unusable."""
    resources = Resources.open()
    return resources.patience().retry(lambda: prepare_and_store(subject, resources, profile=profile))


@flow(name="ingest", flow_run_name="ingest")
def ingest(subjects: Sequence[SubjectSpec], profile: ProfileName | None = None) -> IngestResult:
    """Ingest every subject; a bad reference does not stop the others, but the flow ends as Failed.

    Args:
        subjects: Each with its reference (a path on the worker's machine, https:// or s3:// URL), or only the name of
            a subject in the catalog.
        profile: The profile whose masker, captioner and estimators are used, unless the worker's settings name others.
    """
    subjects = [redacted_subject(one) for one in subjects]
    done: list[Ingested] = []
    refused: dict[str, str] = {}
    for i, subject in enumerate(subjects):
        report_progress("ingest", i, len(subjects), subject.name)
        state = ingest_subject(subject, profile, return_state=True)
        try:
            done.append(state.result())
        except SubjectError as error:
            refused[subject.name] = str(error)
    report_progress("ingest", len(subjects), len(subjects))
    why = [f"{name}: {reason}" for name, reason in refused.items()]
    reason = summarise_reasons(f"{len(refused)} of {len(subjects)} subjects were rejected", why) if refused else None
    return completed_or_failed(IngestResult(tuple(done), refused), reason)
