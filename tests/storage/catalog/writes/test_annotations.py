"""Captions and control images of references: what was found once is kept, and a person's word stays."""

from collections.abc import Callable
from dataclasses import replace
from types import SimpleNamespace
from typing import Any

import pytest
from sqlalchemy.orm import Session

from storage.catalog import Catalog, garbage, views, writes
from storage.catalog.records import AnnotationFacts, CatalogError
from tests.storage.catalog.writes.test_given_masks import FIELDS, reference
from tests.storage.catalog.writes.test_writes import A, B, M, s

__all__ = ["s"]


def add(s: Session, to: int, kind: str, content: str | None, method: str = "eye-1", **more: Any) -> int:
    what = {"text": content} if kind == "caption" else {"image_sha256": content}
    return writes.add_annotation(s, reference_id=to, kind=kind, method=method, **what, **more)  # type: ignore[arg-type]


def current(s: Session, to: int, kind: str) -> AnnotationFacts:
    return next(one for one in views.annotations_of(s, to) if one.kind == kind)


def test_what_is_found_twice_is_one_row_and_another_method_is_the_next_version(s: Session) -> None:
    of = reference(s)
    first = add(s, of, "depth", B, confidence=0.5, licence="Apache-2.0", notes=["far away"])
    assert add(s, of, "depth", B, confidence=0.5, licence="Apache-2.0", notes=["far away"]) == first
    second = add(s, of, "depth", M, "eye-2")
    add(s, of, "caption", "a bear", words="photo bear")
    newest, older = (one for one in views.annotations_of(s, of) if one.kind == "depth")
    assert (newest.id, newest.version, newest.given, newest.given_at) == (second, 2, "found", None)
    assert (older.id, older.version, older.confidence, older.licence) == (first, 1, 0.5, "Apache-2.0")
    assert older.notes == ("far away",)
    assert (current(s, of, "caption").version, current(s, of, "caption").words) == (1, "photo bear")
    assert [one.event for one in views.history(s, "annotation", first)] == ["added", "superseded"]


def test_a_persons_word_stays_until_a_person_asks_for_a_new_search(s: Session) -> None:
    of = reference(s)
    add(s, of, "depth", B)
    by_ann = add(s, of, "depth", M, "given", given="dashboard", giver="ann")
    add(s, of, "depth", A, "eye-2")
    assert (current(s, of, "depth").id, current(s, of, "depth").giver) == (by_ann, "ann")
    assert current(s, of, "depth").given_at is not None
    asked = add(s, of, "depth", A, "eye-2", requested=True)
    assert (current(s, of, "depth").id, current(s, of, "depth").given) == (asked, "found")


def test_nothing_found_is_recorded_too(s: Session) -> None:
    of = reference(s)
    nothing = add(s, of, "pose", None)
    assert add(s, of, "pose", None) == nothing
    found = views.found_annotation(s, image_sha256=A, kind="pose", method="eye-1")
    assert found is not None
    assert (found.id, found.image_sha256) == (nothing, None)


def test_what_was_found_in_an_image_is_known_for_every_subject_with_that_image(s: Session) -> None:
    of = reference(s)
    add(s, of, "depth", B)
    add(s, of, "caption", "a photo of a bear", words="photo bear")
    known = {"image_sha256": A, "kind": "depth", "method": "eye-1"}
    assert views.found_annotation(s, **known) is not None
    for other in ({"image_sha256": M}, {"kind": "pose"}, {"method": "eye-2"}):
        assert views.found_annotation(s, **{**known, **other}) is None
    words = {**known, "kind": "caption", "words": "photo bear"}
    assert views.found_annotation(s, **words) is not None
    assert views.found_annotation(s, **{**words, "words": "drawing bear"}) is None


def test_a_blob_of_an_annotation_is_no_garbage(s: Session) -> None:
    add(s, reference(s), "depth", B)
    s.flush()
    assert {sha256: used for sha256, _, used in garbage.blobs(s)} == {A: True, B: True, M: False}


@pytest.mark.parametrize(
    "wrong",
    [
        {"kind": "caption"},
        {"kind": "pose", "text": "a pose"},
        {"kind": "caption", "text": "a bear", "image_sha256": B},
        {"kind": "pose", "image_sha256": "d" * 64},
        {"kind": "pose", "confidence": 1.5},
    ],
)
def test_what_is_no_annotation_is_refused(s: Session, wrong: dict[str, Any]) -> None:
    with pytest.raises(CatalogError):
        writes.add_annotation(s, reference_id=reference(s), method="eye-1", **wrong)


def test_a_caption_that_a_person_gives_is_the_references_own(s: Session) -> None:
    _, of = writes.enter_subject(s, name="pip", caption="my {subject}", **FIELDS)  # type: ignore[arg-type]
    first = current(s, of, "caption")
    assert (first.text, first.given, first.method) == ("my {subject}", "spec", "user")
    writes.enter_subject(s, name="pip", caption="another", **FIELDS)  # type: ignore[arg-type]
    assert views.subject_assets(s, "pip").caption == current(s, of, "caption").text == "my {subject}"
    given: dict[str, Any] = {"recaption": True, "given": "dashboard", "actor": "ann"}
    writes.enter_subject(s, name="pip", caption="her {subject}", **given, **FIELDS)
    second = current(s, of, "caption")
    assert (second.text, second.version, second.given, second.giver) == ("her {subject}", 2, "dashboard", "ann")
    assert views.subject_assets(s, "pip").caption == "her {subject}"
    add(s, of, "caption", "a photo of a bear in the snow", words="photo bear", requested=True)
    assert views.subject_assets(s, "pip").caption is None  # a found one is no person's


def test_a_reference_that_comes_back_has_the_caption_that_it_was_given(s: Session) -> None:
    writes.enter_subject(s, name="pip", caption="my bear", **FIELDS)  # type: ignore[arg-type]
    other: dict[str, Any] = {**FIELDS, "image_sha256": B}
    writes.enter_subject(s, name="pip", caption=None, replace=True, **other)
    assert views.subject_assets(s, "pip").caption is None
    writes.enter_subject(s, name="pip", caption=None, replace=True, **FIELDS)  # type: ignore[arg-type]
    assert views.subject_assets(s, "pip").caption == "my bear"


def test_what_images_of_a_reference_used_of_it_is_known(
    catalog: Catalog, planned: Callable[..., SimpleNamespace]
) -> None:
    plan = planned(1)
    pose, own = "2" * 64, "1" * 64  # recorded blobs
    controls: list[dict[str, Any]] = [
        {"pose": pose, "reference_pose": own},
        {"pose": pose},
        {"depth": pose, "controls": {"canny": pose}, "reference_controls": {"canny": own}},
        {"controls": {"canny": pose}},
    ]
    with catalog.write() as s:
        cells = [
            replace(plan.cells[0], digest=f"{i + 9:064x}", settings={"caption": "a bear"}, **fields)
            for i, fields in enumerate(controls)
        ]
        writes.plan_cells(s, plan.run, cells)
        of = ("pip", "1" * 64)
        assert views.control_uses(s, *of, "pose") == {own: 1, None: 1}
        assert views.control_uses(s, *of, "depth") == {None: 1}
        assert views.control_uses(s, *of, "canny") == {own: 1, None: 1}
        assert views.control_uses(s, *of, "lineart") == views.control_uses(s, "momo", of[1], "pose") == {}
        assert views.is_caption_used(s, *of, "a bear")
        assert not views.is_caption_used(s, *of, "a rabbit")
        digests = [one.digest for one in cells]
        writes.claim_cells(s, digests, "me", 60)
        ids = [writes.finish_cell(s, digest, owner="me", image_sha256=own, width=8, height=8) for digest in digests]
        shown = views.outputs(s, ids)
        assert [one.reference_controls for one in shown] == [{"pose": own}, {}, {"canny": own}, {}]
        assert {(link.mask_method, link.mask_licence) for one in shown for link in one.subjects} == {("grabcut", None)}
        (found,) = views.found_masks(s, of[1])
        assert (found.method, found.licence) == ("grabcut", None)
