"""The fine-tunings that a run waits for: requested, then planned on or failed."""

from collections.abc import Sequence

from sqlalchemy import delete, insert, update
from sqlalchemy.orm import Session

from storage.catalog.claims import MAX_ERROR_LENGTH
from storage.catalog.schema import RunTraining
from storage.catalog.writes.runs.run import lock_run


def await_trainings(s: Session, run_id: str, trainings: Sequence[tuple[str, int]]) -> None:
    """Replace the fine-tunings that the run waits for: their digests, each with the number of cells that use it."""
    lock_run(s, run_id)
    s.execute(delete(RunTraining).where(RunTraining.run_id == run_id))
    rows = [
        {"run_id": run_id, "training_digest": digest, "position": i, "cells": cells, "planned": False}
        for i, (digest, cells) in enumerate(trainings)
    ]
    if rows:
        s.execute(insert(RunTraining), rows)


def training_planned(s: Session, run_id: str, digest: str) -> None:
    """Record that the cells which use this fine-tuning are among the run's, in the transaction that plans them."""
    _change(s, run_id, digest, {"planned": True})


def fail_run_training(s: Session, run_id: str, digest: str, error: str) -> None:
    """Record why this fine-tuning failed in the run, which no longer waits for it."""
    _change(s, run_id, digest, {"error": error[:MAX_ERROR_LENGTH]})


def _change(s: Session, run_id: str, digest: str, news: dict[str, object]) -> None:
    ours = (RunTraining.run_id == run_id, RunTraining.training_digest == digest)
    s.execute(update(RunTraining).where(*ours).values(news).execution_options(synchronize_session=False))
