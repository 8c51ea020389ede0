"""An S3 bucket as an object store, by boto3. AWS's own settings apply: credentials, AWS_REGION, AWS_ENDPOINT_URL."""

import hashlib
import logging
import threading
import time
from collections.abc import Iterator, Sequence
from datetime import UTC
from typing import Any, Self

from botocore.exceptions import ClientError

from storage.keys import InvalidKeyError, check_key
from storage.objects.client import s3_client, s3_errors, status_of
from storage.objects.multipart import LARGE, put_in_parts
from storage.objects.probe import Guarantees, checksum_of, probe
from storage.objects.s3_url import split_s3_url
from storage.objects.store import (
    PIECE,
    URL_SECONDS,
    ChecksumMismatchError,
    Data,
    ObjectMissingError,
    ObjectStat,
    Put,
    StoreError,
    check_seconds,
)

MOST_AT_ONCE = 5_000_000_000  # bytes in one request, by S3's rules
_CONFLICTS = 6  # attempts while another put of the key is in progress
_log = logging.getLogger(__name__)


class S3Store:
    """Objects in `bucket`, below `prefix` ("" or "a/b"). The bucket must exist.

    The server's guarantees are probed by `check`, or before the first put, unless `given`.
    """

    writers = 8  # a put waits for the network, not for us

    def __init__(self, bucket: str, prefix: str = "", client: Any = None, given: Guarantees | None = None) -> None:
        self.bucket = bucket
        self.prefix = f"{check_key(prefix.strip('/'))}/" if prefix.strip("/") else ""
        self._client = s3_client() if client is None else client
        self._given = given
        self._probing = threading.Lock()

    @classmethod
    def from_url(cls, url: str) -> Self:
        """Open the store at s3://bucket or s3://bucket/prefix."""
        return cls(*split_s3_url(url))

    def put(self, key: str, data: Data, *, content_type: str, sha256: str | None = None) -> bool:
        """See ObjectStore. Conditional requests; the server checks the bytes against their SHA-256."""
        place = self._place(key)
        if sha256 is not None and hashlib.sha256(data).hexdigest() != sha256:
            raise ChecksumMismatchError(f"object {key}: these bytes do not have SHA-256 {sha256}; read them again")
        given = self.guarantees()
        if not given.conditional_put and self.exists(key):
            return False
        for attempt in range(_CONFLICTS):
            with s3_errors(self.bucket, key):
                try:
                    written = self._send(place, data, content_type, given)
                except ClientError as error:
                    if status_of(error) != 409:  # 409: another put of the key is under way
                        raise
                    time.sleep(0.05 * 2**attempt)
                    continue
            if written and not given.checksums and not self._holds(key, data):
                self.delete(key)
                raise ChecksumMismatchError(f"bucket {self.bucket}, object {key}: corrupted in transit; try again")
            return written
        raise StoreError(
            f"bucket {self.bucket}, object {key}: other uploads of it are still in progress; try again later"
        )

    def put_all(self, objects: Sequence[Put]) -> list[bool]:
        """See ObjectStore: one after the other. Callers have threads of their own."""
        return [self.put(one.key, one.data, content_type=one.content_type, sha256=one.sha256) for one in objects]

    def get(self, key: str) -> bytes:
        """See ObjectStore."""
        with s3_errors(self.bucket, key):
            body: bytes = self._client.get_object(**self._place(key))["Body"].read()
            return body

    def pieces(self, key: str) -> Iterator[bytes]:
        """See InPieces."""
        with s3_errors(self.bucket, key):
            yield from self._client.get_object(**self._place(key))["Body"].iter_chunks(PIECE)

    def exists(self, key: str) -> bool:
        """See ObjectStore."""
        try:
            self.stat(key)
        except ObjectMissingError:
            return False
        return True

    def stat(self, key: str) -> ObjectStat:
        """See ObjectStore."""
        with s3_errors(self.bucket, key):
            head = self._client.head_object(**self._place(key))
            return ObjectStat(key, head["ContentLength"], head["LastModified"].astimezone(UTC))

    def walk(self, prefix: str = "") -> Iterator[ObjectStat]:
        """See ObjectStore. Objects whose names are not valid keys are omitted."""
        below = self.prefix + (f"{check_key(prefix)}/" if prefix else "")
        with s3_errors(self.bucket, below):
            for page in self._client.get_paginator("list_objects_v2").paginate(Bucket=self.bucket, Prefix=below):
                for one in page.get("Contents", []):
                    try:
                        key = check_key(one["Key"].removeprefix(self.prefix))
                    except InvalidKeyError:
                        continue
                    yield ObjectStat(key, one["Size"], one["LastModified"].astimezone(UTC))

    def delete(self, key: str) -> None:
        """See ObjectStore."""
        with s3_errors(self.bucket, key):
            self._client.delete_object(**self._place(key))

    def url(self, key: str, *, seconds: int = URL_SECONDS) -> str:
        """See ObjectStore: a presigned GET URL, signed locally whether or not the object exists."""
        check_seconds(seconds)
        with s3_errors(self.bucket, key):
            url: str = self._client.generate_presigned_url("get_object", self._place(key), ExpiresIn=seconds)
            return url

    def check(self) -> Sequence[str]:
        """See ObjectStore."""
        return self.guarantees().missing(self.bucket)

    def guarantees(self) -> Guarantees:
        """Return the server's guarantees, probed once; missing ones are logged."""
        with self._probing:
            if self._given is None:
                self._given = probe(self._client, self.bucket, self.prefix)
                for words in self._given.missing(self.bucket):
                    _log.warning("%s", words)
            return self._given

    def _send(self, place: dict[str, str], data: Data, content_type: str, given: Guarantees) -> bool:
        if len(data) > LARGE and (given.conditional_parts or len(data) > MOST_AT_ONCE):
            return put_in_parts(self._client, place, data, content_type, given)
        condition = {"IfNoneMatch": "*"} if given.conditional_put else {}
        checksum = {"ChecksumSHA256": checksum_of(data)} if given.checksums else {}
        try:
            self._client.put_object(**place, Body=bytes(data), ContentType=content_type, **condition, **checksum)
        except ClientError as error:
            if status_of(error) == 412:  # the key exists: the object is already stored
                return False
            raise
        return True

    def _holds(self, key: str, data: Data) -> bool:
        """Return whether these bytes are under the key; they are compared piece by piece."""
        place = 0
        for piece in self.pieces(key):
            if data[place : place + len(piece)] != piece:
                return False
            place += len(piece)
        return place == len(data)

    def _place(self, key: str) -> dict[str, str]:
        return {"Bucket": self.bucket, "Key": self.prefix + check_key(key)}
