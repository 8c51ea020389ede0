from collections.abc import Callable, Iterator
from types import SimpleNamespace

import pytest
from sqlalchemy.orm import Session

from storage.catalog import Catalog, views, writes
from storage.catalog.records import CatalogError, NotInCatalogError
from storage.keys import InvalidKeyError

A, B, M = "a" * 64, "b" * 64, "c" * 64


@pytest.fixture
def s(catalog: Catalog) -> Iterator[Session]:
    with catalog.write() as session:
        for sha256 in (A, B, M):
            writes.record_blob(session, sha256=sha256, size=3, content_type="image/png")
        yield session


def subject(s: Session, name: str = "pip", class_word: str = "bear", style: str = "natural") -> int:
    return writes.add_subject(s, name=name, class_word=class_word, style=style)


def reference(s: Session, subject_id: int, sha256: str = A, caption: str | None = None) -> int:
    return writes.add_reference(
        s, subject_id=subject_id, image_sha256=sha256, width=64, height=48, source="pip.png", caption=caption
    )


def mask(s: Session, reference_id: int, sha256: str = M, method: str = "grabcut", confidence: float = 0.5) -> int:
    return writes.add_mask(
        s, reference_id=reference_id, mask_sha256=sha256, method=method, confidence=confidence, doubtful=True
    )


def test_a_blob_may_be_recorded_again_and_must_have_a_digest(s: Session) -> None:
    writes.record_blob(s, sha256=A, size=3, content_type="image/png")
    with pytest.raises(InvalidKeyError):
        writes.record_blob(s, sha256="nope", size=3, content_type="image/png")


def test_a_subject_is_one_by_name_and_brought_up_to_date(s: Session) -> None:
    pip = subject(s)
    reference(s, pip)
    assert subject(s, class_word="rabbit", style="anime") == pip
    assert subject(s, name="pop") != pip
    found = views.subject_assets(s, "pip")
    assert (found.class_word, found.style) == ("rabbit", "anime")


def test_the_same_reference_is_the_same_row_and_the_last_one_named_is_current(s: Session) -> None:
    pip = subject(s)
    first, second = reference(s, pip, A), reference(s, pip, B)
    assert first != second
    assert views.subject_assets(s, "pip").reference_id == second
    assert reference(s, pip, A, caption="back again") == first
    found = views.subject_assets(s, "pip")
    assert (found.reference_id, found.caption, found.image_sha256) == (first, "back again", A)
    assert reference(s, subject(s, "pop"), A) != first


def test_the_last_found_mask_is_in_use_and_belongs_to_its_reference(s: Session) -> None:
    pip = subject(s)
    first = reference(s, pip, A)
    assert views.subject_assets(s, "pip").mask_id is None
    one, other = mask(s, first, B, "grabcut-1"), mask(s, first, M, "grabcut-2")
    assert views.subject_assets(s, "pip").mask_id == other
    assert mask(s, first, B, "grabcut-1", confidence=1.0) == one
    found = views.subject_assets(s, "pip")
    assert (found.mask_id, found.mask_sha256, found.mask_confidence, found.doubtful) == (one, B, 1.0, True)
    reference(s, pip, B)
    assert views.subject_assets(s, "pip").mask_id is None


def test_a_picture_is_named_only_after_its_blob(s: Session) -> None:
    pip = subject(s)
    with pytest.raises(CatalogError, match=r"image_sha256 .* is not a recorded blob; put the bytes"):
        reference(s, pip, "d" * 64)
    with pytest.raises(CatalogError, match="mask_sha256"):
        mask(s, reference(s, pip), "d" * 64)


@pytest.mark.parametrize("confidence", [-0.1, 1.1, float("nan")])
def test_a_confidence_is_a_probability(s: Session, confidence: float) -> None:
    with pytest.raises(CatalogError, match=r"confidence .* outside 0\.\.1"):
        mask(s, reference(s, subject(s)), confidence=confidence)


def test_a_profile_is_its_name_with_its_weights(s: Session) -> None:
    first = writes.add_profile(s, name="pocket", weights_digest="1")
    assert writes.add_profile(s, name="pocket", weights_digest="1") == first
    assert writes.add_profile(s, name="pocket", weights_digest="2") != first


def test_runs_are_told_apart_unless_they_are_one_flow_run(s: Session) -> None:
    first = writes.start_run(s, name="trip", spec={"a": [1, None]}, flow_run_id=None)
    assert writes.start_run(s, name="trip", spec={}, flow_run_id=None) != first
    flow = writes.start_run(s, name="trip", spec={}, flow_run_id="f")
    writes.finish_run(s, flow, "crashed")
    assert writes.start_run(s, name="trip", spec={}, flow_run_id="f") == flow
    states = {run.id: (run.state, run.finished_at) for run in views.recent_runs(s)}
    assert states[flow] == ("running", None)
    assert len(states) == 3


def test_a_run_ends_in_a_known_state(s: Session) -> None:
    run = writes.start_run(s, name="trip", spec={}, flow_run_id=None)
    for state in ("running", "done"):
        with pytest.raises(CatalogError, match="completed, failed, cancelled, crashed"):
            writes.finish_run(s, run, state)  # type: ignore[arg-type]
    writes.finish_run(s, run, "completed")
    (ended,) = views.recent_runs(s)
    assert ended.state == "completed"
    assert ended.finished_at is not None
    assert ended.finished_at.utcoffset() is not None
    with pytest.raises(NotInCatalogError, match="run 'nope'"):
        writes.finish_run(s, "nope", "failed")


def test_a_score_said_again_is_replaced_and_is_a_number(
    catalog: Catalog, planned: Callable[..., SimpleNamespace]
) -> None:
    plan = planned(1)
    with catalog.write() as s:
        writes.claim_cells(s, plan.digests, "me", 60)
        output = writes.finish_cell(s, plan.digests[0], owner="me", image_sha256="1" * 64, width=1, height=1)
        for value in (0.25, 0.5):
            writes.add_scores(s, metric="clip_i", version="1", values={output: value})
        with pytest.raises(CatalogError, match="not a finite number"):
            writes.add_scores(s, metric="clip_t", version="1", values={output: float("nan")})
        assert views.cell(s, plan.digests[0]).scores == {"clip_i": 0.5}
