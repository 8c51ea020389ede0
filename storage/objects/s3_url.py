"""Parses s3:// URLs, without importing boto3."""

import re

from storage.objects.store import StoreError
from storage.redaction import redact_url

MISSING = "boto3 is not installed; pip install 'dreamtuner[s3]'"
"""Error message if the URL is valid but the extra is not installed."""
_S3_URL = re.compile(r"s3://([a-z0-9][a-z0-9.-]{1,61}[a-z0-9])(?:/(.*))?", re.DOTALL)


def split_s3_url(url: str) -> tuple[str, str]:
    """Split s3://bucket/key into bucket and key (or prefix, maybe empty). Raises StoreError for another shape."""
    match = _S3_URL.fullmatch(url)
    if match is None:
        raise StoreError(
            f"{redact_url(url)[:200]!r} is not an S3 URL; write s3://bucket/key with the bucket in lower case"
        )
    return match[1], match[2] or ""
