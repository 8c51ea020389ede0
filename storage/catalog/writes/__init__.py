"""Everything that changes the catalog: functions of a session from `Catalog.write()`; saying the same twice is safe."""

from storage.catalog.writes.audit import record_audit
from storage.catalog.writes.blobs import record_blob, record_blobs
from storage.catalog.writes.forgetting.erase import Erased
from storage.catalog.writes.forgetting.forget import forget_output, forget_run, forget_unwanted
from storage.catalog.writes.forgetting.forget_subject import forget_subject
from storage.catalog.writes.lineage import record_event
from storage.catalog.writes.masks import add_mask, judge_mask
from storage.catalog.writes.people.identities import sign_on
from storage.catalog.writes.people.people import (
    add_link,
    add_user,
    change_password,
    change_user,
    rehash_password,
    use_link,
)
from storage.catalog.writes.people.sessions import add_session, end_sessions, touch_session
from storage.catalog.writes.people.throttles import admit, forgive, record_failure, seconds_to_wait
from storage.catalog.writes.people.tokens import add_token, revoke_token, touch_token
from storage.catalog.writes.review.batches import Seen, begin_batch, decide_part, end_batch, undo_part
from storage.catalog.writes.review.queues import add_queue
from storage.catalog.writes.review.reviews import Reviewed, add_review, undo_review
from storage.catalog.writes.subjects import add_reference, add_subject, enter_subject
from storage.catalog.writes.work.attention import add_attention_map
from storage.catalog.writes.work.cells import (
    claim_cells,
    fail_cell,
    lose_cells,
    lose_pictures,
    release_cells,
    renew_lease,
)
from storage.catalog.writes.work.dead import close_dead
from storage.catalog.writes.work.defaults import keep_first_numbers
from storage.catalog.writes.work.finish import finish_cell, finish_cells
from storage.catalog.writes.work.measurements import add_measurements
from storage.catalog.writes.work.models import add_checkpoint, add_profile
from storage.catalog.writes.work.planning import plan_cells
from storage.catalog.writes.work.runs import finish_run, keep_sheet, see_run, start_run
from storage.catalog.writes.work.scores import add_scores
from storage.catalog.writes.work.trainings import (
    claim_training,
    finish_training,
    keep_training,
    lose_training,
    plan_training,
    release_training,
    renew_training,
)
from storage.catalog.writes.work.warnings import keep_warnings

__all__ = [
    "Erased",
    "Reviewed",
    "Seen",
    "add_attention_map",
    "add_checkpoint",
    "add_link",
    "add_mask",
    "add_measurements",
    "add_profile",
    "add_queue",
    "add_reference",
    "add_review",
    "add_scores",
    "add_session",
    "add_subject",
    "add_token",
    "add_user",
    "admit",
    "begin_batch",
    "change_password",
    "change_user",
    "claim_cells",
    "claim_training",
    "close_dead",
    "decide_part",
    "end_batch",
    "end_sessions",
    "enter_subject",
    "fail_cell",
    "finish_cell",
    "finish_cells",
    "finish_run",
    "finish_training",
    "forget_output",
    "forget_run",
    "forget_subject",
    "forget_unwanted",
    "forgive",
    "judge_mask",
    "keep_first_numbers",
    "keep_sheet",
    "keep_training",
    "keep_warnings",
    "lose_cells",
    "lose_pictures",
    "lose_training",
    "plan_cells",
    "plan_training",
    "record_audit",
    "record_blob",
    "record_blobs",
    "record_event",
    "record_failure",
    "rehash_password",
    "release_cells",
    "release_training",
    "renew_lease",
    "renew_training",
    "revoke_token",
    "seconds_to_wait",
    "see_run",
    "sign_on",
    "start_run",
    "touch_session",
    "touch_token",
    "undo_part",
    "undo_review",
    "use_link",
]
