"""What a person said of a subject stays said: masks that were given, and names."""

from typing import Any

import pytest
from sqlalchemy.orm import Session

from storage.catalog import views, writes
from storage.catalog.name_conflicts import unknown_name_message
from storage.catalog.records import MaskFacts, NameTakenError
from tests.storage.catalog.writes.test_writes import A, B, M, s, subject

__all__ = ["s"]


def reference(s: Session) -> int:
    fields = {"image_sha256": A, "width": 64, "height": 48, "source": "pip.png", "caption": None}
    return writes.add_reference(s, subject_id=subject(s), **fields)  # type: ignore[arg-type]


def enter(s: Session, to: int, sha256: str, method: str, **more: Any) -> int:
    fields = {"confidence": 0.9, "doubtful": False} | more
    return writes.add_mask(s, reference_id=to, mask_sha256=sha256, method=method, **fields)


def in_use(s: Session) -> MaskFacts:
    mask = views.subject_assets(s, "pip").mask
    assert mask is not None
    return mask


def test_a_found_mask_replaces_no_given_one_but_is_kept_beside_it(s: Session) -> None:
    of = reference(s)
    enter(s, of, M, "grabcut-1")
    painted = enter(s, of, B, "given", giver="ann")
    for method in ("grabcut-1", "grabcut-2", "alpha"):
        enter(s, of, M, method)
        assert in_use(s).id == painted
    assert (in_use(s).given, in_use(s).giver, in_use(s).version) == ("dashboard", "ann", 2)
    assert in_use(s).given_at is not None
    assert views.masks_of(s, "pip", A)[0].version == 2
    assert {one.version for one in views.masks_of(s, "pip", A)} == {1, 2, 3, 4}
    asked = enter(s, of, M, "grabcut-1", requested=True)
    assert (in_use(s).id, in_use(s).given) == (asked, "found")


def test_of_two_people_the_last_one_wins_and_versions_stay(s: Session) -> None:
    of = reference(s)
    first, second = enter(s, of, B, "given", giver="ann"), enter(s, of, M, "given", giver="bob")
    assert (in_use(s).id, in_use(s).giver) == (second, "bob")
    assert enter(s, of, B, "given", giver="eve") == first
    assert (in_use(s).id, in_use(s).giver, in_use(s).version) == (first, "eve", 1)
    assert [event.event for event in views.history(s, "mask", first)] == ["added", "superseded"]


def test_a_spec_says_the_same_at_every_run_and_counts_when_it_is_new(s: Session) -> None:
    of = reference(s)
    stated = enter(s, of, B, "user")
    painted = enter(s, of, M, "given", giver="ann")
    assert enter(s, of, B, "user") == stated
    assert in_use(s).id == painted
    assert enter(s, of, B, "user", insist=True) == in_use(s).id == stated
    enter(s, of, M, "given", giver="ann")
    other = enter(s, of, A, "user")
    assert in_use(s).id == other


def test_a_mask_is_judged_once(s: Session) -> None:
    painted = enter(s, reference(s), B, "given")
    assert in_use(s).warnings is None
    writes.record_mask_quality(s, painted, confidence=0.5, doubtful=True, warnings=["it is odd"])
    assert (in_use(s).confidence, in_use(s).doubtful, in_use(s).warnings) == (0.5, True, ("it is odd",))


FIELDS = {"class_word": "bear", "style": "natural", "image_sha256": A, "width": 64, "height": 48, "source": "pip.png"}


@pytest.mark.parametrize(
    ("other", "said"),
    [
        ({"image_sha256": B}, "reference"),
        ({"class_word": "robot"}, "class word .*'bear' there, 'robot' here"),
        ({"style": "anime"}, "style .*natural there, anime here"),
    ],
)
def test_a_name_is_one_subject(s: Session, other: dict[str, Any], said: str) -> None:
    first = writes.enter_subject(s, name="pip", caption=None, **FIELDS)  # type: ignore[arg-type]
    assert writes.enter_subject(s, name="pip", caption=None, **FIELDS) == first  # type: ignore[arg-type]
    with pytest.raises(NameTakenError, match=f"'pip' is already the name of a bear .*{said}.*replace: true"):
        writes.enter_subject(s, name="pip", caption=None, **FIELDS | other)
    assert views.subject_assets(s, "pip").reference_id == first[1]
    again = writes.enter_subject(s, name="pip", caption=None, replace=True, **FIELDS | other)
    assert again[0] == first[0]
    assert [event.event for event in views.history(s, "subject", first[0])] == ["replaced"]


def test_a_caption_stays_until_somebody_means_it(s: Session) -> None:
    def caption(given: str | None, **more: Any) -> str | None:
        writes.enter_subject(s, name="pip", caption=given, **FIELDS, **more)
        return views.subject_assets(s, "pip").caption

    assert caption("a bear, sitting") == "a bear, sitting"
    assert caption(None) == "a bear, sitting"
    assert caption("a bear") == "a bear, sitting"
    assert caption(None, replace=True) == "a bear, sitting"
    assert caption("a bear", recaption=True) == "a bear"


def test_an_unknown_name_is_told_with_close_ones() -> None:
    said = unknown_name_message("Blot", ["bolt", "pip"])
    assert said.startswith("the catalog has no subject 'Blot'; did you mean 'bolt'?")
    assert "did you mean" not in unknown_name_message("zzz", ["bolt"])
