"""What S3Store does beyond the contract of test_objects.py."""

import os
import time
import urllib.error
import urllib.request
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest
from botocore.exceptions import ClientError, EndpointConnectionError

from storage.objects import ChecksumMismatchError, ObjectMissingError, StoreError
from storage.objects.multipart import LARGE
from storage.objects.probe import Guarantees, probe
from storage.objects.s3 import S3Store
from storage.objects.s3_url import split_s3_url

whole_server = pytest.mark.skipif("DREAMTUNER_TEST_S3" in os.environ, reason="for a server that lacks nothing")


class Stub:
    """A client whose put_object and get_object raise what they are given, one after the other."""

    def __init__(self, *errors: Exception) -> None:
        self.errors = list(errors)
        self.calls = 0

    def put_object(self, **_: Any) -> None:
        self.calls += 1
        if self.errors:
            raise self.errors.pop(0)

    get_object = put_object


def error(status: int, code: str) -> ClientError:
    return ClientError({"Error": {"Code": code}, "ResponseMetadata": {"HTTPStatusCode": status}}, "PutObject")


def put(client: Any) -> bool:
    return S3Store("pictures", client=client, given=Guarantees()).put("a", b"x", content_type="image/png")


def test_a_put_meets_another_under_way_and_tries_again() -> None:
    conflict = error(409, "ConditionalRequestConflict")
    assert put(Stub(conflict, conflict))
    assert not put(Stub(conflict, error(412, "PreconditionFailed")))


@pytest.mark.parametrize(
    ("failure", "remedy"),
    [
        (error(403, "AccessDenied"), "ListBucket"),
        (error(501, "NotImplemented"), "dreamtuner verify"),
        (error(404, "NoSuchBucket"), "create the bucket"),
        (error(500, "InternalError"), "AWS_ENDPOINT_URL"),
        (EndpointConnectionError(endpoint_url="http://nowhere"), "AWS_ENDPOINT_URL"),
    ],
)
def test_a_failure_names_the_object_and_the_remedy(failure: Exception, remedy: str) -> None:
    client = Stub(failure)
    with pytest.raises(StoreError, match=f"bucket pictures, object a: .*{remedy}") as caught:
        put(client)
    assert not isinstance(caught.value, ObjectMissingError)
    assert client.calls == 1


def test_a_missing_bucket_is_not_a_missing_object(s3: Any) -> None:
    with pytest.raises(StoreError, match="create the bucket") as caught:
        S3Store("no-such-bucket").get("a")
    assert not isinstance(caught.value, ObjectMissingError)


@whole_server
def test_bytes_that_change_on_the_way_are_refused_by_the_server(s3: Any) -> None:
    class Flips:
        def put_object(self, **request: Any) -> None:
            s3.put_object(**request | {"Body": b"y"})

    with pytest.raises(StoreError):
        put(Flips())
    assert not S3Store("pictures").exists("a")


def test_the_content_type_goes_with_the_object(s3: Any) -> None:
    S3Store("pictures", "typed").put("a", b"x", content_type="image/webp")
    assert s3.head_object(Bucket="pictures", Key="typed/a")["ContentType"] == "image/webp"


def test_an_s3_url_is_bucket_and_key() -> None:
    assert split_s3_url("s3://pictures/a b/é?.png") == ("pictures", "a b/é?.png")
    assert split_s3_url("s3://pictures") == split_s3_url("s3://pictures/") == ("pictures", "")
    for wrong in ("s3:/pictures", "s3://", "s3:///a", "s3://a_b/c", "s3://A/b", "https://x"):
        with pytest.raises(StoreError, match="write s3://bucket/key"):
            split_s3_url(wrong)


class Lesser:
    """A server that lacks something, before the real one."""

    def __init__(self, real: Any, *lacks: str) -> None:
        self.real, self.lacks = real, lacks

    def __getattr__(self, name: str) -> Any:
        return getattr(self.real, name)

    def put_object(self, **request: Any) -> Any:
        if "conditional_put" in self.lacks:
            request.pop("IfNoneMatch", None)
        if "refuses conditional_put" in self.lacks and "IfNoneMatch" in request:
            raise error(501, "NotImplemented")
        if "checksums" in self.lacks:
            request.pop("ChecksumSHA256", None)
        return self.real.put_object(**request)

    def complete_multipart_upload(self, **request: Any) -> Any:
        if "conditional_parts" in self.lacks:
            request.pop("IfNoneMatch", None)
        return self.real.complete_multipart_upload(**request)


@whole_server
def test_a_whole_server_guarantees_all(s3: Any) -> None:
    assert probe(s3, "pictures", "here/") == Guarantees()
    assert "Contents" not in s3.list_objects_v2(Bucket="pictures", Prefix="here/")


@whole_server
@pytest.mark.parametrize(
    ("lack", "guarantees", "said"),
    [
        ("conditional_put", Guarantees(conditional_put=False, conditional_parts=False), "no conditional put"),
        ("refuses conditional_put", Guarantees(conditional_put=False, conditional_parts=False), "no conditional put"),
        ("conditional_parts", Guarantees(conditional_parts=False), "no conditional multipart uploads"),
        ("checksums", Guarantees(checksums=False), "no SHA-256 checksums"),
    ],
)
def test_a_lesser_server_is_used_with_more_care(s3: Any, lack: str, guarantees: Guarantees, said: str) -> None:
    store = S3Store("pictures", f"lesser/{lack.replace(' ', '-').replace('_', '-')}", client=Lesser(s3, lack))
    words = store.check()
    assert store.guarantees() == guarantees
    assert said in words[0]
    large = [bytes([i]) * (LARGE + 1) for i in range(2)]
    assert [store.put("large", data, content_type="image/png") for data in large] == [True, False]
    assert store.get("large") == large[0]
    assert store.put("a", b"0123", content_type="image/png")
    assert not store.put("a", b"4567", content_type="image/png")
    assert store.get("a") == b"0123"


def test_without_checksums_damage_on_the_way_is_found_by_reading_back(s3: Any) -> None:
    class Flips(Lesser):
        def put_object(self, **request: Any) -> Any:
            return super().put_object(**request | {"Body": b"y"})

    store = S3Store("pictures", "flips", client=Flips(s3, "checksums"), given=Guarantees(checksums=False))
    with pytest.raises(ChecksumMismatchError, match="corrupted in transit"):
        store.put("a", b"x", content_type="image/png")
    assert not store.exists("a")


@pytest.mark.parametrize(
    ("failure", "remedy"), [(error(403, "AccessDenied"), "allow GetObject"), (error(404, "NoSuchBucket"), "create the")]
)
def test_a_bucket_that_cannot_be_written_is_refused_with_the_remedy(failure: Exception, remedy: str) -> None:
    store = S3Store("pictures", client=Stub(failure))
    with pytest.raises(StoreError, match=remedy):
        store.check()


def test_a_presigned_url_is_signed_for_as_long_as_asked(s3: Any) -> None:
    url = S3Store("pictures", "urls").url("a", seconds=7)
    signed = parse_qs(urlsplit(url).query)
    assert signed["X-Amz-Expires"] == ["7"]
    assert signed["X-Amz-Algorithm"] == ["AWS4-HMAC-SHA256"]


@pytest.mark.skipif("DREAMTUNER_TEST_S3" not in os.environ, reason="the usual test server lets any URL live for ever")
def test_a_presigned_url_ends(s3: Any) -> None:
    store = S3Store("pictures", "urls")
    store.put("a", b"x", content_type="image/png")
    url = store.url("a", seconds=1)
    time.sleep(3)
    with pytest.raises(urllib.error.HTTPError, match="403"):
        urllib.request.urlopen(url, timeout=10)


def test_an_upload_in_parts_that_fails_leaves_no_parts(s3: Any) -> None:
    class Breaks(Lesser):
        def upload_part(self, **request: Any) -> Any:
            if request["PartNumber"] == 2:
                raise error(500, "InternalError")
            return self.real.upload_part(**request)

    store = S3Store("pictures", "parts", client=Breaks(s3), given=Guarantees())
    with pytest.raises(StoreError, match="InternalError"):
        store.put("a", bytes(LARGE + 1), content_type="image/png")
    assert not store.exists("a")
    assert not s3.list_multipart_uploads(Bucket="pictures").get("Uploads")
