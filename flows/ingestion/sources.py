"""Reads files by path or URL under this installation's rules, and redacts secrets in URLs before they are recorded.

Others can read flow parameters in Prefect's database and runs in the catalog. So a spec is recorded with redacted URLs,
and only this process knows the original ones.
"""

import hashlib
import re
from collections.abc import Iterable
from contextvars import ContextVar
from functools import partial
from typing import TYPE_CHECKING

from flows.settings import Settings
from storage.redaction import HIDDEN, contains_secret, redact_url
from storage.sources import SourceError, read_source

if TYPE_CHECKING:
    from flows.spec.model import Spec
    from flows.spec.subject import SubjectSpec
    from storage.objects import ObjectStore

AHEAD_BYTES = 256 * 1024 * 1024  # the most bytes to remember of files read ahead

_ahead: ContextVar[dict[str, bytes] | None] = ContextVar("read ahead", default=None)
_secret_sources: dict[str, str] = {}
_RECORDED = re.compile(rf"[^:]+://.*{re.escape(HIDDEN)}", re.DOTALL)


def read(source: str, settings: Settings) -> bytes:
    """Read a path, https://, s3:// or object:// URL; a file read ahead is returned once. Raises SourceError."""
    ahead = _ahead.get()
    if ahead and source in ahead:
        return ahead.pop(source)
    if source not in _secret_sources and _RECORDED.match(source):
        raise SourceError(f"{shown(source)} was recorded without its signature or password; give the whole URL again")
    place = _secret_sources.get(source, source)
    return read_source(
        place,
        max_bytes=settings.max_source_bytes,
        allow_private=settings.allow_private_addresses,
        store=partial(_store, settings),
    )


def _store(settings: Settings) -> "ObjectStore":
    from storage.objects import open_store  # only an object:// place opens it

    return open_store(settings.store_url)


def read_ahead(sources: Iterable[str], settings: Settings) -> dict[str, bytes]:
    """Read those sources that can be read; the next `read` of each in this context does not fetch it again."""
    found: dict[str, bytes] = {}
    for source in dict.fromkeys(sources):
        try:
            found[source] = read(source, settings)
        except SourceError:
            continue  # ingestion reports it, with its name
    ahead, left = {}, AHEAD_BYTES
    for source, data in found.items():
        left -= len(data)
        if left >= 0:
            ahead[source] = data
    _ahead.set(ahead)
    return found


def shown(source: str) -> str:
    """Return a source for display: a URL without credentials and query, which may contain a signature."""
    return redact_url(source)


def redacted(spec: "Spec") -> "Spec":
    """Redact the secrets in a spec's URLs; `read` still resolves them in this process."""
    return spec.with_places(_hold)


def redacted_subject(subject: "SubjectSpec") -> "SubjectSpec":
    """Redact the secrets in a subject's URLs."""
    return subject.with_places(_hold)


def secret_sources(spec: "Spec") -> list[tuple[str | int, ...]]:
    """Return the paths of the spec's sources that contain a password or a signature."""
    return [path for path, place in spec.places() if contains_secret(place)]


def _hold(source: str) -> str:
    if _RECORDED.match(source) or not contains_secret(source):
        return source
    # two signatures of one address may mean two images
    recorded = f"{redact_url(source)}#{hashlib.sha256(source.encode()).hexdigest()[:8]}"
    _secret_sources[recorded] = source
    return recorded
