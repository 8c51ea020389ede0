"""Runs flows from the command line, with a Prefect server next to them."""

import logging
import os
import signal
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from functools import partial
from importlib import import_module
from types import FrameType
from typing import TYPE_CHECKING, Any

from deploy.cli.missing_extra import demand
from deploy.prefect.isolation import isolate_environment
from deploy.prefect.server import PrefectServer
from flows.ingestion.sources import redacted
from flows.progress import Listener, listening
from flows.settings import Settings
from flows.spec.model import Spec
from storage.catalog.owners import this_owner
from storage.logs import log_as_json

if TYPE_CHECKING:
    from flows.finetune import FineTuneSummary
    from flows.reporting.summary import RunSummary
    from flows.score import ScoredBy
    from flows.training.eyes import PrepareOptions
    from flows.training.prepare import PreparationSummary
    from flows.video import VideoSummary


def run_catalog(
    spec: Spec,
    settings: Settings,
    listener: Listener,
    started: Callable[[], None],
    *,
    new_defaults: bool = False,
    new_weights: bool = False,
    check: bool = False,
    workers: int | None = None,
) -> "RunSummary":
    """Run the catalog flow in this process; see `_beside_prefect`."""
    with _beside_prefect(settings, listener, started):
        from flows.catalog import catalog
        from flows.outcome import result_of

        return result_of(lambda: catalog(redacted(spec), new_defaults, check, new_weights, workers))


def run_catalogs(
    specs: Sequence[Spec], settings: Settings, listener: Listener, started: Callable[[], None]
) -> "list[RunSummary]":
    """Run the catalog flow of several specs, one after the other, in this process; see `_beside_prefect`."""
    with _beside_prefect(settings, listener, started):
        from flows.catalog import catalog
        from flows.outcome import result_of

        return [result_of(partial(catalog, redacted(spec))) for spec in specs]


def run_video(
    spec: Spec,
    fps: int,
    settings: Settings,
    listener: Listener,
    started: Callable[[], None],
    *,
    new_defaults: bool = False,
    new_weights: bool = False,
) -> "VideoSummary":
    """Run the video flow in this process; see `_beside_prefect`."""
    with _beside_prefect(settings, listener, started):
        from flows.outcome import result_of
        from flows.video import video

        return result_of(lambda: video(redacted(spec), fps, new_defaults, new_weights))


def run_finetune(
    subject: str,
    profile: str,
    numbers: dict[str, Any],
    settings: Settings,
    listener: Listener,
    started: Callable[[], None],
    *,
    new_defaults: bool = False,
    new_weights: bool = False,
) -> "FineTuneSummary":
    """Run the finetune flow in this process; see `_beside_prefect`."""
    with _beside_prefect(settings, listener, started):
        from flows.finetune import finetune

        return finetune(subject, profile, settings=numbers, new_defaults=new_defaults, new_weights=new_weights)


def run_score(
    metrics: Sequence[str],
    run_ids: Sequence[str] | None,
    subject_id: int | None,
    settings: Settings,
    listener: Listener,
    started: Callable[[], None],
) -> "list[ScoredBy]":
    """Run the flow that scores a choice of the catalog in this process; see `_beside_prefect`."""
    with _beside_prefect(settings, listener, started):
        from flows.score import score_choice

        return score_choice(list(metrics), run_ids, subject_id)


def run_prepare(
    data: str,
    profile: str,
    out: str | None,
    options: "PrepareOptions",
    settings: Settings,
    listener: Listener,
    started: Callable[[], None],
) -> "PreparationSummary":
    """Run the prepare flow in this process; see `_beside_prefect`."""
    with _beside_prefect(settings, listener, started):
        from flows.training.prepare import prepare

        return prepare(data, profile, out, options)


@contextmanager
def _beside_prefect(settings: Settings, listener: Listener, started: Callable[[], None]) -> Iterator[None]:
    """Provide what flows need inside the block; call `started` once they can run, report progress to `listener`.

    Runs are reported to the server at PREFECT_API_URL if set, else to a server of this process that stores its history
    in home/prefect. Raises KeyboardInterrupt on SIGINT, SIGTERM and SIGHUP, after cleanup.
    """
    with _signals_interrupt(), prefect_beside(settings) as ready:
        import flows.execution.generation_worker  # noqa: F401  # slow imports, while the server starts

        ready()
        started()
        with listening(listener):
            yield


@contextmanager
def prefect_beside(settings: Settings) -> Iterator[Callable[[], None]]:
    """Set Prefect's environment before its import and start a server; call the yielded function before any flow.

    The server lives only as long as this process, so flow runs need no heartbeat.
    """
    demand("prefect")
    isolate_environment(os.environ)
    os.environ.update(settings.prefect_environment())
    if os.environ.get("PREFECT_API_URL"):
        yield lambda: None
        return
    os.environ["PREFECT_LOGGING_TO_API_ENABLED"] = "false"
    server = PrefectServer()
    os.environ["PREFECT_API_URL"] = server.api
    import_module("fastapi.encoders")  # slow to import: load it while the server starts
    with ExitStack() as stack:
        stack.callback(os.environ.pop, "PREFECT_API_URL")
        stack.callback(server.stop)

        def ready() -> None:
            from prefect.context import refresh_global_settings_context
            from prefect.settings import PREFECT_FLOWS_HEARTBEAT_FREQUENCY, temporary_settings

            server.wait()
            refresh_global_settings_context()  # some commands import Prefect before its environment is set
            # a flow run with a heartbeat ends up to a second late
            stack.enter_context(temporary_settings({PREFECT_FLOWS_HEARTBEAT_FREQUENCY: None}))

        yield ready
        server.settle()


@contextmanager
def _signals_interrupt() -> Iterator[None]:
    """Make SIGTERM and SIGHUP end the command as Ctrl-C does, unless they are ignored (nohup)."""

    def interrupt(number: int, frame: FrameType | None) -> None:
        raise KeyboardInterrupt(signal.Signals(number).name)

    before = {number: signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)}
    for number, handler in before.items():
        if handler is not signal.SIG_IGN:
            signal.signal(number, interrupt)
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def log_to_stderr(settings: Settings) -> None:
    """Log our own and the libraries' records to stderr, which is the log file by now."""
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(levelname)s %(name)s: %(message)s")
    if settings.log == "json":
        log_as_json(this_owner())
    logging.getLogger("httpx").setLevel(logging.WARNING)
