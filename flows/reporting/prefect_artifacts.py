"""What Prefect's pages show of a run: how far it is, and at the end its numbers and its contact sheet."""

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
WIDTH, QUALITY = 1200, 80  # of the sheet in the page: its bytes lie in Prefect's database
_log = logging.getLogger(__name__)


@contextmanager
def shown(run_id: str, name: str, spec_digest: str) -> Iterator[None]:
    """Show on the flow run's page how many of the cells are there.

    Its name gets the beginning of the run's id in the catalog, as `dreamtuner status` shows it, and tags name the whole
    id and the spec's digest: runs of one name are told apart.

    Without a flow run nothing is shown. Prefect's troubles are logged: a picture is worth more than a page about it.
    """
    context = FlowRunContext.get()
    if context is not None and context.flow_run is not None:
        _quietly(lambda: _label(context.flow_run, run_id, name, spec_digest))
    with progress(name, "generate", f"run {run_id}"):
        yield


@contextmanager
def progress(name: str, stage: Stage, description: str) -> Iterator[None]:
    """Show on the flow run's page how far a stage is, and what is noted beside it; nothing without a flow run."""
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

    # Prefect's settings are context variables, which a thread does not inherit
    sender = threading.Thread(target=copy_context().run, args=(send,), name="progress-artifact", daemon=True)
    sender.start()
    try:
        with listening(percent):
            yield
    finally:
        over.set()
        sender.join()


class _Percent:
    """A listener that keeps how much of a stage is done, and what was noted."""

    def __init__(self, stage: Stage, description: str) -> None:
        self.value, self.note, self._stage, self._description = 0.0, description, stage, description

    def __call__(self, told: Progress) -> None:
        if told.stage == self._stage and told.total:
            self.value = 100.0 * min(1.0, told.done / told.total)
            self.note = f"{self._description}: {told.note}" if told.note else self._description


def show_summary(summary: RunSummary) -> None:
    """Leave the run's numbers, as text and as a table, and its contact sheet on the flow run's page."""
    if FlowRunContext.get() is None:
        return
    of = f"run {summary.run}"
    with Image.open(summary.contact_sheet) as picture:
        sheet = _small(picture)
    _quietly(lambda: create_markdown_artifact(_markdown(summary), key=_key(summary.name, "summary"), description=of))
    _quietly(lambda: create_table_artifact(_rows(summary), key=_key(summary.name, "subjects"), description=of))
    _quietly(lambda: create_image_artifact(sheet, key=_key(summary.name, "sheet"), description=of))


def show_preview(subject: str, step: int, file: Path) -> None:
    """Leave what a fine-tuning draws at a step on the flow run's page."""
    if FlowRunContext.get() is None:
        return
    key, said = _key(f"{subject} finetune", "preview"), f"{subject} after {step} steps"
    with Image.open(file) as picture:
        image = _small(picture)
    _quietly(lambda: create_image_artifact(image, key=key, description=said))


def _markdown(summary: RunSummary) -> str:
    counts = f"{summary.made} made, {summary.skipped} skipped, {summary.failed} failed"
    where = f"Run `{summary.run}` of the catalog, contact sheet `{summary.contact_sheet}`."
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
    """The sheet as a data: URL: a browser shows it wherever the store is, for as long as Prefect keeps it."""
    small = sheet.convert("RGB")
    small.thumbnail((WIDTH, 8 * WIDTH))
    buffer = io.BytesIO()
    small.save(buffer, "JPEG", quality=QUALITY)
    return f"data:image/jpeg;base64,{base64.b64encode(buffer.getvalue()).decode('ascii')}"


def _label(flow_run: Any, run_id: str, name: str, spec_digest: str) -> None:
    ours = (f"run:{run_id}", f"spec:{spec_digest[:12]}")
    tags = [*flow_run.tags, *(tag for tag in ours if tag not in flow_run.tags)]  # of a retry they are there
    with get_client(sync_client=True) as client:
        client.update_flow_run(flow_run.id, name=f"{name} {run_id[:8]}", tags=tags)


def _key(name: str, what: str) -> str:
    """Prefect's keys hold lower-case letters, digits and dashes."""
    return "-".join((*re.findall("[a-z0-9]+", name.lower()), what))


def _plain(text: str) -> str:
    """Text in which Markdown finds nothing to do."""
    return re.sub(r"([\\`*_{}\[\]<>#|~])", r"\\\1", " ".join(text.split()))


def _quietly(call: Callable[[], Any]) -> Any:
    try:
        return call()
    except httpx.HTTPError as error:
        _log.warning("Prefect could not be told: %s", error)
        return None
