"""A conducted run: its cells are planned subject by subject, as they are learnt, and it knows when it is over."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from flows.execution.crew.conduct import Conductor, why_missing
from flows.execution.crew.crew import Crew
from flows.ingestion.store_subject import prepare_and_store
from flows.progress import Progress, listening
from flows.resources import Resources
from flows.settings import Settings
from flows.spec.subject import SubjectSpec
from storage.catalog import writes
from storage.catalog.records import MAX_FAILURES

DIGESTS = ["a" * 64, "b" * 64, "c" * 64]
NAMES = ["pip", "momo", "bo"]


@pytest.fixture
def run_id(settings: Settings, references: Path) -> str:
    """A run that waits for three fine-tunings."""
    resources = Resources.open()
    picture = str(references / "pip.png")
    stored = [
        prepare_and_store(SubjectSpec(name=name, class_word="bear", reference=picture), resources) for name in NAMES
    ]
    with resources.catalog.write() as s:
        profile = writes.add_profile(s, name="pocket", weights_digest="w")
        for digest, one in zip(DIGESTS, stored, strict=True):
            ids = {"reference_id": one.reference_id, "mask_id": one.mask_id, "profile_id": profile}
            writes.plan_training(s, digest, recipe={"of": digest}, **ids)  # type: ignore[arg-type]
        writes.record_blob(s, sha256="9" * 64, size=7, content_type="application/octet-stream")
        run_id = writes.start_run(s, name="trip", spec={}, flow_run_id=None)
        writes.await_trainings(s, run_id, [(digest, 8) for digest in DIGESTS])
    return run_id


def test_subjects_are_planned_as_they_are_learnt_and_the_others_are_said(run_id: str) -> None:
    catalog = Resources.open().catalog
    planned: list[str] = []
    scored: list[bool] = [True, False, True, False]
    crew: Any = SimpleNamespace(idle=False, why=lambda: "the weights of this worker differ")

    def plan(digest: str) -> None:
        planned.append(digest)
        with catalog.write() as s:
            writes.training_planned(s, run_id, digest)

    def score() -> bool:
        """What happens meanwhile: one is learnt, one fails, and no worker can learn the third."""
        if len(scored) == 4:
            for digest in DIGESTS[:2]:
                assert catalog.transact(lambda s, d=digest: writes.claim_training(s, d, "me", 60))  # type: ignore[misc]
        if len(scored) == 3:
            with catalog.write() as s:
                writes.finish_training(s, DIGESTS[0], owner="me", step=1, weights_sha256="9" * 64)
                writes.release_training(s, DIGESTS[1], owner="me", error="it diverges")
                writes.fail_run_training(s, run_id, DIGESTS[1], "ValueError: it diverges")
        if len(scored) == 1:
            crew.idle = True
        scored.pop()
        return True

    @contextmanager
    def hire() -> Iterator[Crew]:
        yield crew

    seen: list[Progress] = []
    conductor = Conductor(Resources.open(), run_id, plan, score)
    with listening(seen.append):
        failed = conductor.conduct(hire)
    assert planned == DIGESTS[:1]
    assert failed == {
        "momo": "finetune: ValueError: it diverges",
        "bo": "finetune: the weights of this worker differ",
    }
    assert [(one.total, one.note) for one in seen] == [(24, ""), (24, "fine-tuning: pip, momo"), (8, "")]


def test_a_run_of_which_everything_exists_hires_nobody(run_id: str) -> None:
    with Resources.open().catalog.write() as s:
        writes.await_trainings(s, run_id, [])
    conductor = Conductor(Resources.open(), run_id, lambda digest: None, lambda: pytest.fail("scored"))
    assert conductor.conduct(lambda: pytest.fail("hired")) == {}


@pytest.mark.parametrize(
    ("state", "failures", "error", "why", "reason"),
    [
        ("generated", 0, None, "gone", None),
        ("failed", MAX_FAILURES, "its own fault", "gone", None),
        ("failed", 1, "once", None, "once"),
        ("planned", 0, "the weights differ", "gone", "the weights differ"),
        ("planned", 0, None, "gone", "gone"),
        ("lost", 0, None, None, "no worker of the run could generate it"),
    ],
)
def test_why_a_cell_is_missing(state: str, failures: int, error: str | None, why: str | None, reason: str) -> None:
    cell: Any = SimpleNamespace(state=state, failures=failures, error=error)
    assert why_missing(cell, why) == reason
