"""Opens a catalog and hands out sessions: for reading on a snapshot, for writing in one transaction."""

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext
from copy import copy
from pathlib import Path
from threading import RLock
from types import TracebackType
from typing import Self, TypeVar

from sqlalchemy import Engine, column, event, select, table
from sqlalchemy.engine import URL
from sqlalchemy.orm import Session
from sqlalchemy.pool import ConnectionPoolEntry

from storage.catalog.database.engine import catalog_url, is_sqlite, make_engine, reading, writing
from storage.catalog.database.sqlite_read_only import is_read_only
from storage.catalog.database.transaction_retry import retrying
from storage.catalog.migrate import head_revision, newer_error, upgrade
from storage.catalog.narrowing import NarrowedSession, Viewer

T = TypeVar("T")


class Catalog:
    """Access to the catalog. Open one per process, after any fork; use each session in one thread only.

    with Catalog.open("sqlite:///catalog.db") as catalog:
        with catalog.write() as s:
            writes.add_subject(s, name="pip", class_word="bear", style="natural")
    """

    def __init__(self, engine: Engine) -> None:
        self._engine = engine
        self._reader, self._writer = reading(engine), writing(engine)
        # SQLite allows one writer and makes the others poll; threads of this process wait here instead.
        self._turn: AbstractContextManager[object] = RLock() if is_sqlite(engine.url) else nullcontext()
        self._viewer: Viewer | None = None

    @classmethod
    def open(cls, url: str, *, patience: float = 0.0) -> Self:
        """Open the catalog at `url` (sqlite:///path or postgresql://...) and bring its schema up to date.

        A SQLite file is created if needed; a PostgreSQL database must exist, and its server may be unavailable for up
        to `patience` seconds. Raises CatalogError for other URLs, if the server does not respond, or if a newer version
        of the code created the catalog.
        """
        parsed = catalog_url(url)
        upgrade(parsed, patience=patience)
        return cls(make_engine(parsed))

    def seen_by(self, viewer: Viewer | None) -> Self:
        """Return the same catalog as this person sees it, see `storage.catalog.narrowing`; None: everything.

        It shares the connections of this one, which alone is closed.
        """
        narrowed = copy(self)
        narrowed._viewer = viewer
        return narrowed

    @property
    def viewer(self) -> Viewer | None:
        """Return whom this access is narrowed to; None: it sees everything."""
        return self._viewer

    @property
    def url(self) -> URL:
        """The database URL, including the password: do not print it."""
        return self._engine.url

    @property
    def read_only(self) -> bool:
        """Whether the catalog is a file that this process cannot write, by permissions or a read-only disk."""
        return is_sqlite(self.url) and is_read_only(Path(str(self.url.database)))

    @contextmanager
    def write(self) -> Iterator[Session]:
        """Open a session that may write: committed at a clean end, rolled back on any exception.

        Opening is retried while the database is unavailable or locked; the block itself is not (see `transact`). Keep
        it short: on SQLite every other writer waits. Never generate or upload inside.
        """
        with self._turn, retrying(lambda: self._session(self._writer, writes=True)) as session:
            yield session
            session.commit()

    @contextmanager
    def read(self) -> Iterator[Session]:
        """Open a read-only session on one snapshot of the catalog; it never waits for writers."""
        with retrying(lambda: self._session(self._reader, writes=False)) as session:
            yield session

    def _session(self, engine: Engine, *, writes: bool) -> Session:
        if self._viewer is None:
            return _begun(Session(engine, autoflush=writes))
        return _begun(NarrowedSession(engine, self._viewer, writes=writes, autoflush=writes))

    def transact(self, work: Callable[[Session], T]) -> T:
        """Call `work` in a `write()` and return its result, retrying the whole transaction on transient failures.

        If the connection is lost while committing, the outcome is unknown: `work` must therefore be idempotent, as
        everything in storage.catalog.writes is.
        """

        def once() -> T:
            with self.write() as session:
                return work(session)

        return retrying(once)

    def demand_current(self) -> None:
        """Raise CatalogNewerError if a newer version of the code has migrated the catalog since it was opened.

        What a process holds it can still finish: migrations leave the columns of earlier versions.
        """
        with self.read() as s:
            found = s.scalar(select(column("version_num")).select_from(table("alembic_version")))
        if found != head_revision():
            raise newer_error(self.url, str(found))

    def close(self) -> None:
        """Close the connections: those of the pool now, those that another thread uses when it gives them back."""
        if not event.contains(self._engine.pool, "checkin", _close):
            event.listen(self._engine.pool, "checkin", _close)
        self._engine.dispose()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()


def _close(_: object, entry: ConnectionPoolEntry) -> None:
    entry.close()


def _begun(session: Session) -> Session:
    """Begin the session's transaction now: on SQLite a writer locks the database before reading anything."""
    try:
        session.connection()
    except BaseException:
        session.close()
        raise
    return session
