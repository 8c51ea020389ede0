"""Publishes a run to Prefect's pages: its progress, and at the end its numbers and its contact sheet."""

import base64
import io
import logging
import re
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from contextvars import copy_context
from functools import partial
from pathlib import Path
from typing import Any

import httpx
from PIL import Image
from prefect.artifacts import (
    create_image_artifact,
    create_markdown_artifact,
    create_progress_artifact,
    create_table_artifact,
    update_progress_artifact,
)
from prefect.client.orchestration import get_client
from prefect.context import FlowRunContext

from flows.planning.warnings import warning_sentences
from flows.progress import Progress, Stage, listening
from flows.reporting.summary import RunSummary

SECONDS = 5.0  # between two updates of the progress
MOST_WARNINGS = 20
WIDTH, QUALITY = 1200, 80  # of the sheet on the page: its bytes are stored in Prefect's database
_log = logging.getLogger(__name__)


@contextmanager
def shown(run_id: str, name: str, spec_digest: str) -> Iterator[None]:
    """Show the generation progress on the flow run's page, and label the flow run with the run's ID.

    The start of the ID, as `dreamtuner status` shows it, is added to its name; tags hold the full ID and the spec's
    digest.

    Does nothing without a flow run. Prefect errors are only logged, so that they never stop a run.
    """
    context = FlowRunContext.get()
    if context is not None and context.flow_run is not None:
        _quietly(lambda: _label(context.flow_run, run_id, name, spec_digest))
    with progress(name, "generate", f"run {run_id}"):
        yield


@contextmanager
def progress(name: str, stage: Stage, description: str) -> Iterator[None]:
    """Show the progress and the note of a stage on the flow run's page; does nothing without a flow run."""
    context = FlowRunContext.get()
    if context is None or context.flow_run is None:
        yield
        return
    key = _key(name, "progress")
    artifact = _quietly(lambda: create_progress_artifact(0.0, key=key, description=description))
    percent = _Percent(stage, description)
    over = threading.Event()

    def send() -> None:
        sent, ending = (0.0, description), False
        while not ending:
            ending = over.wait(SECONDS)
            if artifact is not None and (percent.value, percent.note) != sent:
                sent = percent.value, percent.note
                _quietly(partial(update_progress_artifact, artifact, *sent))

    # Prefect's settings are context variables, which threads do not inherit
    sender = threading.Thread(target=copy_context().run, args=(send,), name="progress-artifact", daemon=True)
    sender.start()
    try:
        with listening(percent):
            yield
    finally:
        over.set()
        sender.join()


class _Percent:
    """A progress listener that holds the percentage and the latest note of a stage."""

    def __init__(self, stage: Stage, description: str) -> None:
        self.value, self.note, self._stage, self._description = 0.0, description, stage, description

    def __call__(self, event: Progress) -> None:
        if event.stage == self._stage and event.total:
            self.value = 100.0 * min(1.0, event.done / event.total)
            self.note = f"{self._description}: {event.note}" if event.note else self._description


def show_summary(summary: RunSummary) -> None:
    """Publish the run's numbers, as text and as a table, and its contact sheet on the flow run's page."""
    if FlowRunContext.get() is None:
        return
    of = f"run {summary.run}"
    with Image.open(summary.contact_sheet) as picture:
        sheet = _small(picture)
    _quietly(lambda: create_markdown_artifact(_markdown(summary), key=_key(summary.name, "summary"), description=of))
    _quietly(lambda: create_table_artifact(_rows(summary), key=_key(summary.name, "subjects"), description=of))
    _quietly(lambda: create_image_artifact(sheet, key=_key(summary.name, "sheet"), description=of))


def show_preview(subject: str, step: int, file: Path) -> None:
    """Publish a fine-tuning's preview of a step on the flow run's page."""
    if FlowRunContext.get() is None:
        return
    key, description = _key(f"{subject} finetune", "preview"), f"{subject} after {step} steps"
    with Image.open(file) as picture:
        image = _small(picture)
    _quietly(lambda: create_image_artifact(image, key=key, description=description))


def _markdown(summary: RunSummary) -> str:
    counts = f"{summary.made} made, {summary.skipped} skipped, {summary.failed} failed"
    where = f"Run `{summary.run}` in the catalog, contact sheet `{summary.contact_sheet}`."
    why = [f"- {_plain(one.name)}: {_plain(reason)}" for one in summary.subjects for reason in one.errors]
    warned = [
        f"- Warning: {_plain(sentence)}" for sentence in list(warning_sentences(summary.warnings))[:MOST_WARNINGS]
    ]
    return "\n".join([f"# {_plain(summary.name)}", "", f"**{counts}**", "", where, "", *why, *warned])


def _rows(summary: RunSummary) -> list[dict[str, Any]]:
    return [
        {"subject": one.name, "made": one.made, "skipped": one.skipped, "failed": one.failed}
        | {metric: round(mean, 4) for metric, mean in one.scores.items()}
        for one in summary.subjects
    ]


def _small(sheet: Image.Image) -> str:
    """Encode the sheet as a data: URL, so that a browser can show it without access to the store."""
    small = sheet.convert("RGB")
    small.thumbnail((WIDTH, 8 * WIDTH))
    buffer = io.BytesIO()
    small.save(buffer, "JPEG", quality=QUALITY)
    return f"data:image/jpeg;base64,{base64.b64encode(buffer.getvalue()).decode('ascii')}"


def _label(flow_run: Any, run_id: str, name: str, spec_digest: str) -> None:
    ours = (f"run:{run_id}", f"spec:{spec_digest[:12]}")
    tags = [*flow_run.tags, *(tag for tag in ours if tag not in flow_run.tags)]  # a retry has them already
    with get_client(sync_client=True) as client:
        client.update_flow_run(flow_run.id, name=f"{name} {run_id[:8]}", tags=tags)


def _key(name: str, what: str) -> str:
    """Return an artifact key: lower-case letters, digits and dashes."""
    return "-".join((*re.findall("[a-z0-9]+", name.lower()), what))


def _plain(text: str) -> str:
    """Escape Markdown in a text."""
    return re.sub(r"([\\`*_{}\[\]<>#|~])", r"\\\1", " ".join(text.split()))


def _quietly(call: Callable[[], Any]) -> Any:
    try:
        return call()
    except httpx.HTTPError as error:
        _log.warning("the Prefect artifact could not be published: %s", error)
        return None
