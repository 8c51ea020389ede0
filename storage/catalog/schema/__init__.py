"""The catalog's tables. A change needs a new file in migrations/versions; a test checks that the two agree.

The tables `reviews`, `lineage` and `audit` are append-only: triggers created by the migrations reject every change and
deletion, except as described in `storage.catalog.schema.forgetting`.
"""

from storage.catalog.schema.annotations import Annotation
from storage.catalog.schema.collecting import Label, OutputLabel, SavedFilter, Vote
from storage.catalog.schema.defaults import FirstNumbers
from storage.catalog.schema.forgetting import Forgetting, RetiredId
from storage.catalog.schema.links import (
    CellControl,
    CellReference,
    CellReferenceControl,
    CellSource,
    CellSubject,
    SubjectScore,
)
from storage.catalog.schema.machines.requests import Export, KeyedRequest, Order, Upload
from storage.catalog.schema.machines.webhooks import Delivery, EventMark, RunEvent, Webhook
from storage.catalog.schema.measurements import Measurement
from storage.catalog.schema.metric_versions import MetricVersion
from storage.catalog.schema.ordering.orders import OrderFile, OrderPreset
from storage.catalog.schema.origins import Blob, Checkpoint, Mask, Profile, Reference, ReferenceMember, Subject
from storage.catalog.schema.people import (
    ApiToken,
    AuditEvent,
    Identity,
    OneTimeLink,
    ReviewBatch,
    Throttle,
    User,
    WebSession,
)
from storage.catalog.schema.projects.client_links import ClientLink
from storage.catalog.schema.projects.projects import Project, ProjectMember, ProjectMonth
from storage.catalog.schema.queues import QueueGuest, QueuePart, QueueSplit, ReviewQueue, TriageModel
from storage.catalog.schema.results import AttentionMap, Fingerprint, LineageEvent, Output, Review, Score
from storage.catalog.schema.runs import Cell, Run, RunCell
from storage.catalog.schema.trainings import RunTraining, Training
from storage.catalog.schema.warnings import WarningRow
from storage.catalog.schema.work import WorkerRow, WorkSession

__all__ = [
    "Annotation",
    "ApiToken",
    "AttentionMap",
    "AuditEvent",
    "Blob",
    "Cell",
    "CellControl",
    "CellReference",
    "CellReferenceControl",
    "CellSource",
    "CellSubject",
    "Checkpoint",
    "ClientLink",
    "Delivery",
    "EventMark",
    "Export",
    "Fingerprint",
    "FirstNumbers",
    "Forgetting",
    "Identity",
    "KeyedRequest",
    "Label",
    "LineageEvent",
    "Mask",
    "Measurement",
    "MetricVersion",
    "OneTimeLink",
    "Order",
    "OrderFile",
    "OrderPreset",
    "Output",
    "OutputLabel",
    "Profile",
    "Project",
    "ProjectMember",
    "ProjectMonth",
    "QueueGuest",
    "QueuePart",
    "QueueSplit",
    "Reference",
    "ReferenceMember",
    "RetiredId",
    "Review",
    "ReviewBatch",
    "ReviewQueue",
    "Run",
    "RunCell",
    "RunEvent",
    "RunTraining",
    "SavedFilter",
    "Score",
    "Subject",
    "SubjectScore",
    "Throttle",
    "Training",
    "TriageModel",
    "Upload",
    "User",
    "Vote",
    "WarningRow",
    "WebSession",
    "Webhook",
    "WorkSession",
    "WorkerRow",
]
