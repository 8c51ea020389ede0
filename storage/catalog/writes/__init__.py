"""Everything that changes the catalog: functions of a session from `Catalog.write()`; saying the same twice is safe."""

from storage.catalog.writes.blobs import record_blob
from storage.catalog.writes.cells import (
    claim_cells,
    fail_cell,
    finish_cell,
    lose_cells,
    release_cells,
    renew_lease,
)
from storage.catalog.writes.dead import close_dead
from storage.catalog.writes.lineage import record_event
from storage.catalog.writes.models import add_checkpoint, add_profile
from storage.catalog.writes.planning import plan_cells, retry_cells
from storage.catalog.writes.reviews import Reviewed, add_review
from storage.catalog.writes.runs import finish_run, keep_sheet, see_run, start_run
from storage.catalog.writes.scores import add_score
from storage.catalog.writes.subjects import add_mask, add_reference, add_subject

__all__ = [
    "Reviewed",
    "add_checkpoint",
    "add_mask",
    "add_profile",
    "add_reference",
    "add_review",
    "add_score",
    "add_subject",
    "claim_cells",
    "close_dead",
    "fail_cell",
    "finish_cell",
    "finish_run",
    "keep_sheet",
    "lose_cells",
    "plan_cells",
    "record_blob",
    "record_event",
    "release_cells",
    "renew_lease",
    "retry_cells",
    "see_run",
    "start_run",
]
