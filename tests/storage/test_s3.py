"""What S3Store does beyond the contract of test_objects.py."""

from typing import Any

import pytest
from botocore.exceptions import ClientError, EndpointConnectionError

from storage.objects import ObjectMissing, S3Store, StoreError
from storage.objects.s3 import split_s3_url


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
    return S3Store("pictures", client=client).put("a", b"x", content_type="image/png")


def test_a_put_meets_another_under_way_and_tries_again() -> None:
    conflict = error(409, "ConditionalRequestConflict")
    assert put(Stub(conflict, conflict))
    assert not put(Stub(conflict, error(412, "PreconditionFailed")))


@pytest.mark.parametrize(
    ("failure", "remedy"),
    [
        (error(403, "AccessDenied"), "ListBucket"),
        (error(501, "NotImplemented"), "conditional put"),
        (error(404, "NoSuchBucket"), "create the bucket"),
        (error(500, "InternalError"), "AWS_ENDPOINT_URL"),
        (EndpointConnectionError(endpoint_url="http://nowhere"), "AWS_ENDPOINT_URL"),
    ],
)
def test_a_failure_names_the_object_and_the_remedy(failure: Exception, remedy: str) -> None:
    client = Stub(failure)
    with pytest.raises(StoreError, match=f"bucket pictures, object a: .*{remedy}") as caught:
        put(client)
    assert not isinstance(caught.value, ObjectMissing)
    assert client.calls == 1


def test_a_missing_bucket_is_not_a_missing_object(s3: Any) -> None:
    with pytest.raises(StoreError, match="create the bucket") as caught:
        S3Store("no-such-bucket").get("a")
    assert not isinstance(caught.value, ObjectMissing)


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
