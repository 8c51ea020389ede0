"""Creates an engine from a URL: SQLite or PostgreSQL."""

from typing import Any

from sqlalchemy import Engine, make_url
from sqlalchemy.engine import URL
from sqlalchemy.exc import ArgumentError

from storage.catalog.database.postgres import postgres_engine
from storage.catalog.database.sqlite import WRITES, sqlite_engine
from storage.catalog.records import CatalogError
from storage.redaction import redact_url

_USE = "use sqlite:///path/to/catalog.db or postgresql://user:password@host/database"


def catalog_url(url: str) -> URL:
    """Parse `url`. Raises CatalogError unless it names a SQLite file or a PostgreSQL database."""
    try:
        parsed = make_url(url)
    except ArgumentError:
        raise CatalogError(f"catalog URL {redact_url(url)!r} is not a database URL; {_USE}") from None
    if parsed.drivername in ("postgresql", "postgresql+psycopg"):
        if not parsed.database:
            raise CatalogError(f"catalog URL {shown(parsed)!r} names no database; {_USE}")
        return parsed.set(drivername="postgresql+psycopg")
    if parsed.drivername not in ("sqlite", "sqlite+pysqlite"):
        raise CatalogError(f"catalog URL {shown(parsed)!r} has an unsupported database or driver; {_USE}")
    if not parsed.database or parsed.database == ":memory:" or parsed.database.startswith("file:"):
        raise CatalogError(f"catalog URL {shown(parsed)!r} names no file to share; {_USE}")
    return parsed


def shown(url: URL) -> str:
    """Format the URL for display, without its password."""
    return redact_url(url.render_as_string(hide_password=False))


def is_sqlite(url: URL) -> bool:
    """Return whether the catalog is a SQLite file."""
    return url.get_backend_name() == "sqlite"


def make_engine(url: URL, *, foreign_keys: bool = True) -> Engine:
    """Create an engine for the catalog. `foreign_keys` is off only for migrations of SQLite."""
    return sqlite_engine(url, foreign_keys=foreign_keys) if is_sqlite(url) else postgres_engine(url)


def writing(engine: Engine) -> Engine:
    """Return the same engine and pool; on SQLite its transactions take the write lock when they begin."""
    options: dict[str, Any] = {WRITES: True}
    return engine.execution_options(**options)


def reading(engine: Engine) -> Engine:
    """Return the same engine and pool with read-only transactions on one snapshot."""
    if engine.dialect.name == "sqlite":
        return engine  # the default, unless the WRITES option is set
    return engine.execution_options(isolation_level="REPEATABLE READ", postgresql_readonly=True)
