"""One fine-tuning a device at a time: Prefect's global concurrency limit of that device."""

import logging
import platform
import re
from collections.abc import Iterator
from contextlib import contextmanager

from prefect.client.orchestration import get_client
from prefect.concurrency.sync import concurrency

_log = logging.getLogger(__name__)


def limit_name(device: str) -> str:
    """The name of the device's limit: dreamtuner-HOST-cuda-0."""
    return "-".join(re.findall("[a-z0-9]+", f"dreamtuner {platform.node()} {device}".lower()))


@contextmanager
def device_taken(device: str) -> Iterator[None]:
    """Wait for the device's one slot and hold it. A run that dies gives it back when its lease ends, in 5 minutes."""
    name = limit_name(device)
    with get_client(sync_client=True) as client:
        client.upsert_global_concurrency_limit_by_name(name, 1)
    _log.info("waiting for %s", name)
    with concurrency(name, occupy=1, strict=True):
        yield
