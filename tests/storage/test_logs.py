"""Log lines for machines: one JSON object a line, which says what it concerns, and no secret."""

import json
import logging
import threading
from collections.abc import Iterator
from io import StringIO

import pytest

from storage.logs import OURS, in_context, log_as_json, logged


@pytest.fixture
def lines() -> Iterator[StringIO]:
    """What a handler that a library set up writes."""
    into, log = StringIO(), logging.getLogger("a library")
    handler, levels = logging.StreamHandler(into), {name: logging.getLogger(name).level for name in OURS}
    root = list(logging.root.handlers)
    handler.setFormatter(logging.Formatter("plain %(message)s"))
    log.addHandler(handler)
    before = {one: one.formatter for one in root}
    log_as_json("host:1:x")
    yield into
    log.removeHandler(handler)
    logging.root.handlers[:] = root
    for one, formatter in before.items():
        one.setFormatter(formatter)
    for name, level in levels.items():
        logging.getLogger(name).setLevel(level)


def test_a_line_names_what_it_concerns_in_every_thread_and_keeps_secrets(lines: StringIO) -> None:
    log = logging.getLogger("a library")
    with logged(run="r1", subject=None):
        log.warning("cell %s failed", "c1", extra={"cell": "c1", "unrelated": 1})
        thread = threading.Thread(target=in_context(lambda: log.error("two\nlines")))
        thread.start()
        thread.join()
        with logged(subject="pip"):
            log.warning("postgresql://me:geheim@db/x is away")
    try:
        raise ValueError("postgresql://me:geheim@db/x")
    except ValueError:
        log.exception("over")
    first, second, third, last = map(json.loads, lines.getvalue().splitlines())
    assert {name: first[name] for name in ("level", "logger", "message", "run", "cell", "worker")} == {
        "level": "warning",
        "logger": "a library",
        "message": "cell c1 failed",
        "run": "r1",
        "cell": "c1",
        "worker": "host:1:x",
    }
    assert "subject" not in first
    assert "unrelated" not in first
    assert (second["message"], second["run"]) == ("two\nlines", "r1")
    assert third["subject"] == "pip"
    assert "run" not in last
    assert "ValueError" in last["error"]
    assert "geheim" not in lines.getvalue()
