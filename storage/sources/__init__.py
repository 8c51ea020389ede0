"""Reads bytes from a path, https:// or s3:// URL of a user, with a size limit and without reaching private networks."""

import re
from pathlib import Path

from storage.redaction import redact_url
from storage.sources.errors import SourceError
from storage.sources.file import read_file

__all__ = ["SourceError", "read_source"]

_HALF = re.compile(r"(https?|s3|file|ftp|gs):", re.IGNORECASE)
_SCHEME = re.compile(r"([a-zA-Z][a-zA-Z0-9+.-]*)://")


def read_source(source: str, *, max_bytes: int, allow_private: bool = False, base: Path | None = None) -> bytes:
    """Read the bytes at `source`: a path (relative to `base`, default the working folder), https://... or s3://bucket/key.

    At most `max_bytes` are read. A web address that leads to a private, loopback or link-local network is refused, also
    by a redirect or a changing DNS answer; `allow_private` permits it, and http:// as well. Raises SourceError.
    """
    match = _SCHEME.match(source)
    scheme = match[1].lower() if match else None
    if scheme is None and (half := _HALF.match(source)):
        raise SourceError(f"{source[:200]!r} looks like an incomplete URL; write {half[1].lower()}://...")
    if scheme is None:
        return read_file(source, max_bytes=max_bytes, base=base)
    if scheme in ("https", "http"):
        from storage.sources.web import fetch  # httpx takes a while to load

        return fetch(source, max_bytes=max_bytes, allow_private=allow_private)
    if scheme == "s3":
        try:
            from storage.sources.bucket import read_object  # boto3 is an extra
        except ModuleNotFoundError as error:
            from storage.objects.s3_url import MISSING

            raise SourceError(f"{redact_url(source)!r} cannot be read: {MISSING}") from error
        return read_object(source, max_bytes=max_bytes)
    raise SourceError(f"{scheme}:// is not supported; give a path, an https:// or an s3:// URL")
