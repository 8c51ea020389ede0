"""PostgreSQL as a shared catalog, with psycopg 3: many writers, row-level locks."""

from typing import Any

from sqlalchemy import Engine, create_engine
from sqlalchemy.engine import URL

from storage.catalog.records import CatalogError
from storage.redaction import redact_url

LOCK_SECONDS = 60  # a statement waits this long for a row lock, then fails and may be retried
# jit: off, for compiling a statement would take longer than any of ours runs
_SESSION = f"-c timezone=UTC -c lock_timeout={LOCK_SECONDS}s -c idle_in_transaction_session_timeout=300s -c jit=off"
# A server that vanishes silently is noticed within a minute, not after TCP's two hours.
_ALIVE = {"connect_timeout": 10, "keepalives_idle": 20, "keepalives_interval": 10, "keepalives_count": 3}


def postgres_engine(url: URL, *, kept: int = 5) -> Engine:
    """Create an engine for an existing database, whose pool keeps `kept` connections open; dead ones are replaced."""
    given: dict[str, Any] = {name: value for name, value in _ALIVE.items() if name not in url.query}
    if "options" not in url.query:
        given["options"] = _SESSION
    try:
        return create_engine(
            url, connect_args=given, pool_pre_ping=True, pool_size=kept, max_overflow=20, hide_parameters=True
        )
    except ModuleNotFoundError as error:
        said = f"catalog URL {redact_url(url.render_as_string(hide_password=False))!r}"
        raise CatalogError(f"{said}: psycopg is not installed; pip install 'dreamtuner[postgres]'") from error
