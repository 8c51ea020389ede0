"""Reads bytes from a path, https:// or s3:// URL of a user, with a size limit and without reaching private networks.

A file of the installation's own object store, such as one that was uploaded, is object:// and its SHA-256.
"""

import os
import re
import stat
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

from storage.redaction import redact_url

if TYPE_CHECKING:
    from storage.objects import ObjectStore

__all__ = ["SourceBusyError", "SourceError", "object_digest", "object_place", "read_source", "too_large"]

_HALF = re.compile(r"(https?|s3|file|ftp|gs):", re.IGNORECASE)
_OBJECT = re.compile(r"object://([0-9a-f]{64})")
_SCHEME = re.compile(r"([a-zA-Z][a-zA-Z0-9+.-]*)://")


class SourceError(Exception):
    """The source cannot or must not be read; the message names it and the remedy."""


class SourceBusyError(SourceError):
    """The source is temporarily unavailable; `after`: the seconds that its server requests to wait."""

    def __init__(self, message: str, after: float | None = None) -> None:
        super().__init__(message)
        self.after = after


def too_large(shown: str, max_bytes: int) -> SourceError:
    """Build the error for a source that exceeds the limit."""
    return SourceError(f"{shown} is larger than the limit of {max_bytes:,} bytes; use a smaller file")


def read_source(
    source: str,
    *,
    max_bytes: int,
    allow_private: bool = False,
    base: Path | None = None,
    store: "Callable[[], ObjectStore] | None" = None,
) -> bytes:
    """Read the bytes at `source`: a path (relative to `base`, default the working folder), https://... or s3://bucket/key.

    At most `max_bytes` are read. A web address that leads to a private, loopback or link-local network is refused, also
    by a redirect or a changing DNS answer; `allow_private` permits it, and http:// as well. `store` opens the store of
    object://SHA256; None: there is none. Raises SourceError, and StoreError if the store is not available.
    """
    match = _SCHEME.match(source)
    scheme = match[1].lower() if match else None
    if scheme is None and (half := _HALF.match(source)):
        raise SourceError(f"{source[:200]!r} looks like an incomplete URL; write {half[1].lower()}://...")
    if scheme is None:
        return _read_file(source, max_bytes=max_bytes, base=base)
    if scheme in ("https", "http"):
        from storage.sources.web import fetch  # httpx takes a while to load

        return fetch(source, max_bytes=max_bytes, allow_private=allow_private)
    if scheme == "object" and store is not None:
        return _read_blob(source, store(), max_bytes)
    if scheme == "s3":
        try:
            from storage.sources.bucket import read_object  # boto3 is an extra
        except ModuleNotFoundError as error:
            from storage.objects.s3_url import MISSING

            raise SourceError(f"{redact_url(source)!r} cannot be read: {MISSING}") from error
        return read_object(source, max_bytes=max_bytes)
    raise SourceError(f"{scheme}:// is not supported; give a path, an https:// or an s3:// URL")


def object_place(sha256: str) -> str:
    """Return how a spec names a file of the object store by its SHA-256 (64 hex digits)."""
    return f"object://{sha256}"


def object_digest(place: str) -> str | None:
    """Return the SHA-256 that a place such as object://SHA256 names; None for a path, another URL or another text."""
    found = _OBJECT.fullmatch(place)
    return None if found is None else found[1]


def _read_blob(source: str, store: "ObjectStore", max_bytes: int) -> bytes:
    from storage.objects import DigestMismatchError, ObjectMissingError, get_blob

    sha256 = object_digest(source)
    if sha256 is None:
        raise SourceError(f"{source[:90]!r} names no object; write object:// and the file's SHA-256, 64 hex digits")
    try:
        data = get_blob(store, sha256)
    except (ObjectMissingError, DigestMismatchError) as error:
        raise SourceError(f"{source} cannot be read from the store ({error}); upload the file again") from error
    if len(data) > max_bytes:
        raise too_large(source, max_bytes)
    return data


def _read_file(source: str, *, max_bytes: int, base: Path | None) -> bytes:
    """Read the bytes of the regular file `source`, relative to `base`. "~" is the home folder. Raises SourceError."""
    shown = repr(source[:200])
    try:
        path = (base or Path()) / Path(source).expanduser()
        with open(path, "rb", opener=_without_waiting) as file:
            if not stat.S_ISREG(os.fstat(file.fileno()).st_mode):
                raise SourceError(f"{shown} is not a regular file; give the path of one")
            data = file.read(max_bytes + 1)
    except (OSError, ValueError, RuntimeError) as error:  # a NUL is a ValueError, an unknown "~user" a RuntimeError
        reason = error.strerror if isinstance(error, OSError) else str(error)
        where = "" if base is None else f" in {str(base)!r}"
        raise SourceError(f"{shown} cannot be read{where}: {reason}; correct the path") from error
    if len(data) > max_bytes:
        raise too_large(shown, max_bytes)
    return data


def _without_waiting(path: str, flags: int) -> int:
    # Otherwise open() would block on a named pipe.
    return os.open(path, flags | os.O_NONBLOCK)
