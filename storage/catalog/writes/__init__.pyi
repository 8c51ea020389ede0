"""Everything that changes the catalog: functions of a session from `Catalog.write()`; every write is idempotent."""

from .annotations import add_annotation
from .audit import record_audit
from .blobs import record_blob, record_blobs
from .forgetting.erase import Erased
from .forgetting.forget import forget_output, forget_run, forget_unwanted
from .forgetting.forget_subject import forget_subject
from .lineage import record_event
from .machines.deliveries import DueDelivery, claim_deliveries, send_again, settle_delivery
from .machines.keyed_requests import Begun, answer_request, begin_request, release_request
from .machines.requests import add_export, add_order, add_upload, close_orders
from .machines.run_events import enter_failed_order, enter_run_events
from .machines.webhooks import add_webhook, change_webhook, remove_webhook, rotate_secret
from .masks import add_mask, record_mask_quality
from .ordering.orders import add_order_file, delete_preset, save_preset
from .people.identities import sign_on
from .people.people import (
    add_link,
    add_user,
    change_password,
    change_user,
    rehash_password,
    use_link,
)
from .people.preferences import set_preference
from .people.sessions import add_session, end_sessions, touch_session
from .people.throttles import admit, forgive, record_failure, seconds_to_wait
from .people.tokens import add_token, revoke_token, touch_token
from .projects.client_links import add_client_link, count_opening, revoke_client_link
from .projects.projects import (
    Moved,
    add_project,
    change_project,
    move_subject,
    own_new_subject,
    remove_member,
    set_member,
)
from .queue.claim_next import claim_next_cells
from .queue.workers import leave_worker, renew_worker
from .reference_sets import add_further_reference, set_references
from .review.batches import Seen, begin_batch, decide_part, end_batch, undo_part
from .review.fingerprints import add_fingerprints
from .review.labels import add_label, put_label, take_label
from .review.queues import add_queue, delete_queues, open_queue, share_queue, show_hidden
from .review.reviews import Reviewed, add_review, undo_review
from .review.saved_filters import delete_filter, save_filter
from .review.splits import add_split, extend_split, free_part, take_part
from .review.triage_models import add_triage_model
from .review.votes import add_vote
from .runs.attention import add_attention_map
from .runs.cells import (
    block_cells,
    claim_cells,
    explain_cells,
    fail_cell,
    held_cells,
    mark_cells_lost,
    mark_pictures_lost,
    release_cells,
    renew_lease,
)
from .runs.dead import close_crashed_runs
from .runs.defaults import store_first_numbers
from .runs.finish import finish_cell, finish_cells
from .runs.measurements import add_measurements
from .runs.models import add_checkpoint, add_profile
from .runs.planning import plan_cells
from .runs.run import cancel_run, finish_run, set_sheet, start_run, touch_run
from .runs.run_trainings import await_trainings, fail_run_training, training_planned
from .runs.scores import add_scores
from .runs.spent import spend_on_cells
from .runs.trainings import (
    claim_training,
    finish_training,
    mark_training_lost,
    plan_training,
    release_training,
    renew_training,
    save_training_state,
    spend_on_training,
)
from .runs.warnings import replace_warnings
from .runs.work import record_work
from .seen import demand_seen
from .subjects import add_reference, add_subject, enter_subject

__all__ = [
    "Begun",
    "DueDelivery",
    "Erased",
    "Moved",
    "Reviewed",
    "Seen",
    "add_annotation",
    "add_attention_map",
    "add_checkpoint",
    "add_client_link",
    "add_export",
    "add_fingerprints",
    "add_further_reference",
    "add_label",
    "add_link",
    "add_mask",
    "add_measurements",
    "add_order",
    "add_order_file",
    "add_profile",
    "add_project",
    "add_queue",
    "add_reference",
    "add_review",
    "add_scores",
    "add_session",
    "add_split",
    "add_subject",
    "add_token",
    "add_triage_model",
    "add_upload",
    "add_user",
    "add_vote",
    "add_webhook",
    "admit",
    "answer_request",
    "await_trainings",
    "begin_batch",
    "begin_request",
    "block_cells",
    "cancel_run",
    "change_password",
    "change_project",
    "change_user",
    "change_webhook",
    "claim_cells",
    "claim_deliveries",
    "claim_next_cells",
    "claim_training",
    "close_crashed_runs",
    "close_orders",
    "count_opening",
    "decide_part",
    "delete_filter",
    "delete_preset",
    "delete_queues",
    "demand_seen",
    "end_batch",
    "end_sessions",
    "enter_failed_order",
    "enter_run_events",
    "enter_subject",
    "explain_cells",
    "extend_split",
    "fail_cell",
    "fail_run_training",
    "finish_cell",
    "finish_cells",
    "finish_run",
    "finish_training",
    "forget_output",
    "forget_run",
    "forget_subject",
    "forget_unwanted",
    "forgive",
    "free_part",
    "held_cells",
    "leave_worker",
    "mark_cells_lost",
    "mark_pictures_lost",
    "mark_training_lost",
    "move_subject",
    "open_queue",
    "own_new_subject",
    "plan_cells",
    "plan_training",
    "put_label",
    "record_audit",
    "record_blob",
    "record_blobs",
    "record_event",
    "record_failure",
    "record_mask_quality",
    "record_work",
    "rehash_password",
    "release_cells",
    "release_request",
    "release_training",
    "remove_member",
    "remove_webhook",
    "renew_lease",
    "renew_training",
    "renew_worker",
    "replace_warnings",
    "revoke_client_link",
    "revoke_token",
    "rotate_secret",
    "save_filter",
    "save_preset",
    "save_training_state",
    "seconds_to_wait",
    "send_again",
    "set_member",
    "set_preference",
    "set_references",
    "set_sheet",
    "settle_delivery",
    "share_queue",
    "show_hidden",
    "sign_on",
    "spend_on_cells",
    "spend_on_training",
    "start_run",
    "store_first_numbers",
    "take_label",
    "take_part",
    "touch_run",
    "touch_session",
    "touch_token",
    "training_planned",
    "undo_part",
    "undo_review",
    "use_link",
]
