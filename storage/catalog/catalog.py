"""Opens a catalog and hands out sessions: for reading on a snapshot, for writing in one transaction."""

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext
from pathlib import Path
from threading import RLock
from types import TracebackType
from typing import Self, TypeVar

from sqlalchemy import Engine
from sqlalchemy.engine import URL
from sqlalchemy.orm import Session

from storage.catalog.database.engine import catalog_url, is_sqlite, make_engine, reading, writing
from storage.catalog.database.sqlite_read_only import is_read_only
from storage.catalog.database.transaction_retry import retrying
from storage.catalog.migrate import upgrade

T = TypeVar("T")


class Catalog:
    """A door to the catalog. Open one a process, after any fork; sessions are for one thread each.

    with Catalog.open("sqlite:///catalog.db") as catalog:
        with catalog.write() as s:
            writes.add_subject(s, name="pip", class_word="bear", style="natural")
    """

    def __init__(self, engine: Engine) -> None:
        self._engine = engine
        self._reader, self._writer = reading(engine), writing(engine)
        # SQLite lets one write and has the others ask again and again; this process's threads wait here instead.
        self._turn: AbstractContextManager[object] = RLock() if is_sqlite(engine.url) else nullcontext()

    @classmethod
    def open(cls, url: str, *, patience: float = 0.0) -> Self:
        """Open the catalog at `url` (sqlite:///path or postgresql://...) and bring its schema up to date.

        A SQLite file is made, a PostgreSQL database has to be there; its server may be away for `patience` seconds.
        Raises CatalogError if the URL is neither, the server does not answer, or a newer version of the code made the
        catalog.
        """
        parsed = catalog_url(url)
        upgrade(parsed, patience=patience)
        return cls(make_engine(parsed))

    @property
    def url(self) -> URL:
        """Where it is, password and all: not for printing."""
        return self._engine.url

    @property
    def read_only(self) -> bool:
        """Whether it is a file that can only be read: on a read-only disk, or without the right to write."""
        return is_sqlite(self.url) and is_read_only(Path(str(self.url.database)))

    @contextmanager
    def write(self) -> Iterator[Session]:
        """A session that may write: committed at a clean end, rolled back on any exception.

        Beginning it is tried again while the database is away or locked; what happens inside is not (see `transact`).
        Keep it short: on SQLite every other writer waits. No generation, no upload inside.
        """
        with self._turn, retrying(lambda: _begun(Session(self._writer))) as session:
            yield session
            session.commit()

    @contextmanager
    def read(self) -> Iterator[Session]:
        """A session on one snapshot of the catalog; it never waits for writers, and the database refuses its writes."""
        with retrying(lambda: _begun(Session(self._reader, autoflush=False))) as session:
            yield session

    def transact(self, work: Callable[[Session], T]) -> T:
        """What `work` returns, called in a `write()`; all of it again when the database lets it down half-way.

        If the connection is lost while committing, nobody knows whether it was: so `work` must be something that may
        be said twice, as everything in storage.catalog.writes may.
        """

        def once() -> T:
            with self.write() as session:
                return work(session)

        return retrying(once)

    def close(self) -> None:
        """Close the pooled connections."""
        self._engine.dispose()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()


def _begun(session: Session) -> Session:
    """The session in its transaction: on SQLite a writer takes the lock now, before anything is read."""
    try:
        session.connection()
    except BaseException:
        session.close()
        raise
    return session
