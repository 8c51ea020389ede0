"""Log lines as JSON objects that name the run, the cells and the worker they concern."""

import json
import logging
import sys
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from contextvars import ContextVar, copy_context
from datetime import UTC, datetime
from types import MappingProxyType
from typing import Any, Literal

from storage.redaction import redact_text

LogFormat = Literal["text", "json"]
FIELDS = ("run", "cell", "cells", "subject", "training")
"""What a line may concern: given by `extra=`, or for all lines of a block by `logged`."""
OURS = ("deploy", "dreamtuner", "flows", "storage")
_NOTHING: Mapping[str, str] = MappingProxyType({})
_about: ContextVar[Mapping[str, str]] = ContextVar("log_fields", default=_NOTHING)


@contextmanager
def logged(**fields: str | None) -> Iterator[None]:
    """Name in every line logged in the block what it concerns: one or more of FIELDS."""
    token = _about.set({**_about.get(), **{name: value for name, value in fields.items() if value is not None}})
    try:
        yield
    finally:
        _about.reset(token)


def in_context(work: Callable[[], None]) -> Callable[[], None]:
    """Return `work` to be called once in another thread, whose lines concern what those of this thread concern."""
    context = copy_context()
    return lambda: context.run(work)


class JsonLines(logging.Formatter):
    """Formats a record as one JSON object: time, level, logger, message, `worker` and FIELDS; `error`: a traceback."""

    def __init__(self, worker: str) -> None:
        super().__init__()
        self._worker = worker

    def format(self, record: logging.LogRecord) -> str:
        """Return the record as one line."""
        line: dict[str, Any] = {
            "time": datetime.fromtimestamp(record.created, UTC).isoformat(timespec="milliseconds"),
            "level": record.levelname.lower(),
            "logger": record.name,
            "message": redact_text(record.getMessage()),
            "worker": self._worker,
        }
        given = {name: getattr(record, name) for name in FIELDS if hasattr(record, name)}
        line |= {**_about.get(), **given}
        if record.exc_info:
            line["error"] = redact_text(self.formatException(record.exc_info))
        return json.dumps(line, default=str)


def log_as_json(worker: str) -> None:
    """Write all log lines of this process as JSON, also those of libraries that set up handlers of their own.

    Lines go to stderr where no handler was set up. It may be called again.
    """
    root = logging.getLogger()
    if not root.handlers:
        root.addHandler(logging.StreamHandler(sys.stderr))
    everyone = [root, *(one for one in logging.root.manager.loggerDict.values() if isinstance(one, logging.Logger))]
    for handler in {handler for one in everyone for handler in one.handlers}:
        if isinstance(handler, logging.StreamHandler):
            handler.setFormatter(JsonLines(worker))
    for name in OURS:
        logging.getLogger(name).setLevel(logging.INFO)
