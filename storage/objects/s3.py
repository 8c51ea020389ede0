"""An S3 bucket as an object store, by boto3. AWS's own settings apply: credentials, AWS_REGION, AWS_ENDPOINT_URL."""

import base64
import hashlib
import os
import re
import time
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache
from typing import Any, Self

from botocore.config import Config
from botocore.exceptions import BotoCoreError, ClientError

from storage.keys import check_key
from storage.objects.store import ObjectMissing, StoreError

THREADS = 32  # connections kept for concurrent callers
URL_SECONDS = 300  # how long a presigned URL is good
_CONFLICTS = 6  # how often a put is tried when another put of the key is under way
_S3_URL = re.compile(r"s3://([a-z0-9][a-z0-9.-]{1,61}[a-z0-9])(?:/(.*))?", re.DOTALL)


def split_s3_url(url: str) -> tuple[str, str]:
    """Bucket and key (or prefix, maybe empty) of s3://bucket/key. Raises StoreError for another shape."""
    match = _S3_URL.fullmatch(url)
    if match is None:
        raise StoreError(f"{url[:200]!r} is not an S3 URL; write s3://bucket/key with the bucket in lower case")
    return match[1], match[2] or ""


@cache
def s3_client() -> Any:
    """The process's one client: it is safe among threads, and its connections are worth keeping."""
    import boto3  # slow to load, and most catalogs live on a disk

    endpoint = os.environ.get("AWS_ENDPOINT_URL_S3") or os.environ.get("AWS_ENDPOINT_URL")
    config = Config(
        max_pool_connections=THREADS,
        connect_timeout=10,
        read_timeout=60,
        retries={"mode": "standard", "total_max_attempts": 5},
        request_checksum_calculation="when_required",  # other servers than AWS's stumble over the trailing checksums
        response_checksum_validation="when_required",
        # Only AWS is sure to resolve bucket.host.
        s3={"addressing_style": "path" if endpoint else "auto"},
    )
    return boto3.client("s3", config=config)


class S3Store:
    """Objects in `bucket`, below `prefix` ("" or "a/b"). The bucket exists; making one is its owner's choice."""

    def __init__(self, bucket: str, prefix: str = "", client: Any = None) -> None:
        self.bucket = bucket
        self.prefix = f"{check_key(prefix.strip('/'))}/" if prefix.strip("/") else ""
        self._client = s3_client() if client is None else client

    @classmethod
    def from_url(cls, url: str) -> Self:
        """The store at s3://bucket or s3://bucket/prefix."""
        return cls(*split_s3_url(url))

    def put(self, key: str, data: bytes, *, content_type: str) -> bool:
        """See ObjectStore. One conditional request; the server checks the bytes against their SHA-256."""
        checksum = base64.b64encode(hashlib.sha256(data).digest()).decode()
        request = self._place(key) | {"Body": data, "ContentType": content_type, "ChecksumSHA256": checksum}
        for attempt in range(_CONFLICTS):
            with self._errors(key):
                try:
                    self._client.put_object(**request, IfNoneMatch="*")
                    return True
                except ClientError as error:
                    status = _status(error)
                    if status == 412:  # the key is taken: what was wanted is there
                        return False
                    if status != 409:  # 409: another put of the key is under way
                        raise
            time.sleep(0.05 * 2**attempt)
        raise StoreError(f"bucket {self.bucket}, object {key}: other puts of it stay under way; try again later")

    def get(self, key: str) -> bytes:
        """See ObjectStore."""
        with self._errors(key):
            body: bytes = self._client.get_object(**self._place(key))["Body"].read()
            return body

    def exists(self, key: str) -> bool:
        """See ObjectStore."""
        try:
            with self._errors(key):
                self._client.head_object(**self._place(key))
        except ObjectMissing:
            return False
        return True

    def delete(self, key: str) -> None:
        """See ObjectStore."""
        with self._errors(key):
            self._client.delete_object(**self._place(key))

    def url(self, key: str) -> str:
        """See ObjectStore: a presigned GET, good for URL_SECONDS. It is signed here, be the object there or not."""
        with self._errors(key):
            url: str = self._client.generate_presigned_url("get_object", self._place(key), ExpiresIn=URL_SECONDS)
            return url

    def _place(self, key: str) -> dict[str, Any]:
        return {"Bucket": self.bucket, "Key": self.prefix + check_key(key)}

    @contextmanager
    def _errors(self, key: str) -> Iterator[None]:
        """boto3's errors as the store's."""
        try:
            yield
        except ClientError as error:
            code = error.response.get("Error", {}).get("Code", "")
            if _status(error) == 404 and code != "NoSuchBucket":
                raise ObjectMissing(key) from error
            raise StoreError(f"bucket {self.bucket}, object {key}: {error}; {_remedy(code)}") from error
        except BotoCoreError as error:
            raise StoreError(f"bucket {self.bucket}, object {key}: {error}; {_remedy('')}") from error


def _status(error: ClientError) -> int:
    return int(error.response.get("ResponseMetadata", {}).get("HTTPStatusCode", 0))


def _remedy(code: str) -> str:
    remedies = {
        "NoSuchBucket": "create the bucket, or correct its name in the object store URL",
        "AccessDenied": "allow GetObject, PutObject and DeleteObject on it, and ListBucket so that absence is told",
        "NotImplemented": "this server has no conditional put (If-None-Match); use one that has",
    }
    return remedies.get(code, "check the credentials, AWS_REGION and AWS_ENDPOINT_URL")
