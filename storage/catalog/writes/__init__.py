"""Everything that changes the catalog: functions of a session from `Catalog.write()`; saying the same twice is safe."""

from storage.catalog.writes.cells import (
    claim_cells,
    fail_cell,
    finish_cell,
    lose_cells,
    plan_cells,
    release_cells,
    renew_lease,
)
from storage.catalog.writes.runs import finish_run, start_run
from storage.catalog.writes.scores import add_score
from storage.catalog.writes.subjects import add_mask, add_profile, add_reference, add_subject, record_blob

__all__ = [
    "add_mask",
    "add_profile",
    "add_reference",
    "add_score",
    "add_subject",
    "claim_cells",
    "fail_cell",
    "finish_cell",
    "finish_run",
    "lose_cells",
    "plan_cells",
    "record_blob",
    "release_cells",
    "renew_lease",
    "start_run",
]
