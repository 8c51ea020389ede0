"""Sources in S3 buckets, read with the credentials of this machine."""

import io
from collections.abc import Iterator
from contextlib import contextmanager
from typing import IO, Any

from botocore.exceptions import BotoCoreError, ClientError

from storage.objects.client import s3_client
from storage.objects.s3_url import split_s3_url
from storage.objects.store import StoreError
from storage.redaction import redact_text, redact_url
from storage.sources import SourceError, too_large

_REMEDY = "check the bucket, the key, the credentials, AWS_REGION and AWS_ENDPOINT_URL"


def read_object(source: str, *, max_bytes: int) -> bytes:
    """Read the bytes of s3://bucket/key, whose key may be anything S3 allows. Raises SourceError."""
    bucket, key = _place(source)
    if not key:
        raise SourceError(f"{redact_url(source)!r} names a bucket; add the key of an object, s3://{bucket}/key")
    try:
        response = s3_client().get_object(Bucket=bucket, Key=key)
        with response["Body"] as body:
            data: bytes = body.read(max_bytes + 1)
    except (ClientError, BotoCoreError) as error:
        raise SourceError(f"{redact_url(source)!r} cannot be read: {redact_text(str(error))}; {_REMEDY}") from error
    if len(data) > max_bytes:
        raise too_large(repr(redact_url(source)), max_bytes)
    return data


@contextmanager
def open_object(source: str) -> Iterator[IO[bytes]]:
    """Open s3://bucket/key for reading once, front to back. Raises SourceError, also while it is read."""
    bucket, key = _place(source)
    try:
        response = s3_client().get_object(Bucket=bucket, Key=key)
        with response["Body"] as body:
            yield io.BufferedReader(_Body(body), 1 << 20)
    except (ClientError, BotoCoreError) as error:
        raise SourceError(f"{redact_url(source)!r} cannot be read: {redact_text(str(error))}; {_REMEDY}") from error


def list_objects(place: str, suffix: str) -> list[str]:
    """Return the objects below s3://bucket/prefix whose keys end in `suffix`, as URLs, sorted. Raises SourceError."""
    bucket, prefix = _place(place)
    below = f"{prefix.rstrip('/')}/" if prefix else ""
    try:
        pages = s3_client().get_paginator("list_objects_v2").paginate(Bucket=bucket, Prefix=below)
        keys = [one["Key"] for page in pages for one in page.get("Contents", [])]
    except (ClientError, BotoCoreError) as error:
        raise SourceError(f"{redact_url(place)!r} cannot be listed: {redact_text(str(error))}; {_REMEDY}") from error
    return sorted(f"s3://{bucket}/{key}" for key in keys if key.endswith(suffix))


def _place(source: str) -> tuple[str, str]:
    try:
        return split_s3_url(source)
    except StoreError as error:
        raise SourceError(str(error)) from error


class _Body(io.RawIOBase):
    """A response's body as a raw stream, which tarfile can read from."""

    def __init__(self, body: Any) -> None:
        self._body = body

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int:
        data: bytes = self._body.read(len(buffer))
        buffer[: len(data)] = data
        return len(data)
