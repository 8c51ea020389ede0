"""The configured boto3 client, and translation of its errors to StoreError."""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache
from typing import Any

from botocore.config import Config
from botocore.exceptions import BotoCoreError, ClientError

from storage.objects.store import ChecksumMismatchError, ObjectMissingError, StoreError
from storage.redaction import redact_text

THREADS = 32  # pooled connections for concurrent callers
_BAD_CHECKSUMS = {"BadDigest", "InvalidDigest", "XAmzContentSHA256Mismatch", "XAmzContentChecksumMismatch"}


@cache
def s3_client() -> Any:
    """Return the process-wide client: it is thread-safe and pools connections."""
    import boto3  # slow to load, and most catalogs live on a disk

    endpoint = os.environ.get("AWS_ENDPOINT_URL_S3") or os.environ.get("AWS_ENDPOINT_URL")
    config = Config(
        max_pool_connections=THREADS,
        connect_timeout=10,
        read_timeout=60,
        # 500, 503, throttling and lost connections are retried with backoff; client errors are not
        retries={"mode": "standard", "total_max_attempts": 5},
        request_checksum_calculation="when_required",  # servers other than AWS may reject the trailing checksums
        response_checksum_validation="when_required",
        signature_version="s3v4",  # many servers reject the older one, boto3's default for some URLs
        # Only AWS is sure to resolve bucket.host.
        s3={"addressing_style": "path" if endpoint else "auto"},
    )
    return boto3.client("s3", config=config)


def status_of(error: ClientError) -> int:
    """Return the HTTP status of an error response."""
    return int(error.response.get("ResponseMetadata", {}).get("HTTPStatusCode", 0))


def code_of(error: ClientError) -> str:
    """Return S3's error code."""
    return str(error.response.get("Error", {}).get("Code", ""))


@contextmanager
def s3_errors(bucket: str, key: str) -> Iterator[None]:
    """Translate boto3's errors about an object to StoreError, ObjectMissingError or ChecksumMismatchError."""
    what = f"bucket {bucket}, object {key}"
    try:
        yield
    except ClientError as error:
        code = code_of(error)
        if status_of(error) == 404 and code not in ("NoSuchBucket", "NoSuchUpload"):
            raise ObjectMissingError(key) from error
        if code in _BAD_CHECKSUMS:
            raise ChecksumMismatchError(
                f"{what}: corrupted in transit ({redact_text(str(error))}); store it again"
            ) from error
        raise StoreError(f"{what}: {redact_text(str(error))}; {_remedy(code)}") from error
    except BotoCoreError as error:
        raise StoreError(f"{what}: {redact_text(str(error))}; {_remedy('')}") from error


def _remedy(code: str) -> str:
    remedies = {
        "NoSuchBucket": "create the bucket, or correct its name in the object store URL",
        "AccessDenied": "allow GetObject, PutObject and DeleteObject on it, and ListBucket to detect missing objects",
        "NotImplemented": "this server lacks a feature of S3; `dreamtuner verify` names it",
    }
    return remedies.get(code, "check the credentials, AWS_REGION and AWS_ENDPOINT_URL")
