"""Waits for Prefect's server before a flow run of a deployment ends.

Prefect's engine tries for a minute to report the end, then for another to report that this failed, and dies. The work
is done, but the flow run would be found dead, and be carried out again.
"""

import logging

from prefect.client.orchestration import get_client
from prefect.runtime import deployment

from flows.faults import UnavailableError
from flows.patience import Patience

_log = logging.getLogger(__name__)


def wait_for_server(patience: Patience) -> None:
    """Wait until the server answers, but no longer than `patience`; do nothing outside a deployment."""
    if not deployment.id:
        return
    try:
        patience.retry(_ask)
    except UnavailableError as error:
        _log.warning("Prefect's server is away: %s; the end of this flow run may not be reported", error)


def _ask() -> None:
    with get_client(sync_client=True) as client:
        client.hello().raise_for_status()
