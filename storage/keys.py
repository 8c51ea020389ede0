"""Object keys.

A key is lower-case ASCII segments joined by "/", so that it means the same on a case-insensitive disk, in a bucket and
in a URL, and can never leave the store's root.
"""

import re

_SHA256 = re.compile(r"[0-9a-f]{64}")
_SEGMENT = r"[a-z0-9](?:[a-z0-9._-]*[a-z0-9])?"
_KEY = re.compile(rf"{_SEGMENT}(?:/{_SEGMENT})*")
MAX_KEY_LENGTH = 512


class InvalidKeyError(ValueError):
    """The key could leave the store or be ambiguous; nothing was read or written."""


def check_key(key: str) -> str:
    """Return `key` unchanged if every store supports exactly this name.

    Raises InvalidKeyError for anything else: "..", a leading "/", upper case, backslashes, NUL, unicode, great length.
    """
    if len(key) > MAX_KEY_LENGTH or not _KEY.fullmatch(key):
        raise InvalidKeyError(
            f"object key {key[:80]!r} is not valid: use lower-case segments of a-z 0-9 . _ - that begin and end with a "
            f"letter or digit, joined by '/', at most {MAX_KEY_LENGTH} characters"
        )
    return key


def blob_key(sha256: str) -> str:
    """Return the key of the blob `sha256` (64 lower-case hex digits): blobs/sha256/ab/cd/<hex>.

    Two levels of 256 folders keep every folder small on disk up to many millions of objects.
    """
    if not _SHA256.fullmatch(sha256):
        raise InvalidKeyError(
            f"sha256 {sha256[:80]!r} is not 64 lower-case hex digits; pass hashlib.sha256(data).hexdigest()"
        )
    return f"blobs/sha256/{sha256[:2]}/{sha256[2:4]}/{sha256}"


def thumbnail_key(sha256: str) -> str:
    """Return the key of the thumbnail of the image `sha256`: thumbnails/ab/cd/<hex>.

    It is not a blob: it can be regenerated from the image at any time, and is deleted with it.
    """
    return blob_key(sha256).replace("blobs/sha256/", "thumbnails/", 1)


def sha256_of_key(key: str) -> str | None:
    """Return the digest of a blob key; None for other keys."""
    digest = key.rpartition("/")[2]
    return digest if _SHA256.fullmatch(digest) and blob_key(digest) == key else None
