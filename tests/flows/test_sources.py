"""A spec is recorded without the signatures in its URLs, and read with them all the same."""

from collections.abc import Mapping
from typing import Any

import pytest

from flows.ingestion import sources
from flows.ingestion.sources import read, redacted, secret_sources
from flows.settings import Settings
from flows.spec.model import Spec
from storage.sources import SourceError

SIGNED = "https://host.example/pip.png?X-Amz-Signature="


@pytest.fixture
def asked(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The sources that were read, instead of reading them."""
    seen: list[str] = []

    def note(source: str, **_: Any) -> bytes:
        seen.append(source)
        return source.encode()

    monkeypatch.setattr(sources, "read_source", note)
    return seen


def spec(**more: Any) -> Spec:
    subject = {"name": "pip", "class_word": "bear", "reference": f"{SIGNED}hunter2", "mask": "mask.png"}
    given: Mapping[str, Any] = {"name": "trip", "subjects": [subject], "prompts": ["a {subject}"], "seeds": [1]}
    return Spec.model_validate({**given, **more})


def test_what_is_recorded_holds_no_signature_and_is_read_with_it(asked: list[str]) -> None:
    recorded = redacted(spec())
    assert "hunter2" not in recorded.model_dump_json()
    assert recorded.subjects[0].mask == "mask.png"
    place = recorded.subjects[0].reference
    assert place is not None
    assert place.startswith("https://host.example/pip.png?***#")
    assert read(place, Settings.load({})) == f"{SIGNED}hunter2".encode()
    assert redacted(recorded) == recorded


def test_two_signatures_of_one_address_stay_two(asked: list[str]) -> None:
    one, other = (redacted(spec(poses=[f"{SIGNED}{name}"])).poses[0] for name in ("one-one", "other-one"))
    assert one != other
    for place, name in ((one, "one-one"), (other, "other-one")):
        assert place is not None
        assert read(place, Settings.load({})) == f"{SIGNED}{name}".encode()


def test_what_another_process_recorded_says_that_the_signature_is_missing(asked: list[str]) -> None:
    with pytest.raises(SourceError, match="recorded without its signature or password; give the whole URL again"):
        read("https://host.example/pip.png?***#00000000", Settings.load({}))
    assert asked == []


def test_what_would_lie_in_the_database_of_a_server_is_named() -> None:
    found = secret_sources(spec(poses=[None, f"{SIGNED}x"], depth=["s3://bucket/a?b"]))
    assert found == [("subjects", 0, "reference"), ("poses", 1)]
