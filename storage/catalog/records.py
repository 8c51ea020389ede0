"""Frozen dataclasses that the catalog's functions take and return."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from hashlib import sha256
from typing import Any, Literal, get_args

CellState = Literal["planned", "generating", "generated", "failed", "lost"]
RunState = Literal["running", "completed", "failed", "cancelled", "crashed"]
Decision = Literal["none", "approved", "rejected", "flagged"]
LabelKind = Literal["tag", "collection"]
Role = Literal["viewer", "reviewer", "operator", "admin"]
Given = Literal["found", "file", "spec", "ingest", "dashboard"]
NumbersOwner = Literal["spec", "subject"]
Scope = Literal["metrics", "api", "viewer", "reviewer", "operator", "admin"]
ApiRight = Literal["read", "metrics", "review", "export", "upload", "order", "webhooks"]
WebhookEvent = Literal["run.ready", "run.failed", "run.approved"]
DeliveryState = Literal["waiting", "delivered", "given up"]
WorkKind = Literal["generate", "finetune", "score"]
Priority = Literal["low", "normal", "high"]
CELL_STATES: tuple[CellState, ...] = get_args(CellState)
RUN_STATES: tuple[RunState, ...] = get_args(RunState)
DECISIONS: tuple[Decision, ...] = get_args(Decision)
PREFERENCES = {"rating_moves_on": False}
"""What a person can choose in the dashboard, with its default: whether a rating goes on to the next picture."""
LABELS: tuple[LabelKind, ...] = get_args(LabelKind)
PRIORITIES: Mapping[Priority, int] = {"low": 1, "normal": 4, "high": 16}  # with their weights between runs
NUMBERS_OWNERS: tuple[NumbersOwner, ...] = get_args(NumbersOwner)  # what first_numbers are stored for
ROLES: tuple[Role, ...] = get_args(Role)  # ascending: each includes the rights of those before
WORK_KINDS: tuple[WorkKind, ...] = get_args(WorkKind)
SCOPES: tuple[Scope, ...] = get_args(Scope)  # of API tokens: a role, the metrics alone, or chosen rights of the API
API_RIGHTS: Mapping[ApiRight, Role] = {
    "read": "viewer",
    "metrics": "viewer",
    "review": "reviewer",
    "export": "reviewer",
    "upload": "operator",
    "order": "operator",
    "webhooks": "admin",
}
"""What a token of the scope "api" may be given, with the role that its owner needs for it."""
WEBHOOK_EVENTS: tuple[WebhookEvent, ...] = get_args(WebhookEvent)
DELIVERY_STATES: tuple[DeliveryState, ...] = get_args(DeliveryState)
GIVEN: tuple[Given, ...] = get_args(Given)
PERSONS: tuple[Given, ...] = ("spec", "ingest", "dashboard")  # "file": the alpha channel, which is the reference's own
CAPTION = "caption"  # the kind of an annotation that is a text; all others are kinds of control images
MAX_FAILURES = 3  # a cell that failed this often stays failed until a new run requests it


class CatalogError(Exception):
    """The catalog rejects the request; the message names the field and the remedy."""


class CatalogNewerError(CatalogError):
    """A newer version of the code has migrated the catalog; the message names both versions and the remedy."""


class NotInCatalogError(CatalogError, LookupError):
    """No row has that name, id or digest."""


def check_role(role: str) -> None:
    """Raise CatalogError unless `role` is one of ROLES."""
    if role not in ROLES:
        raise CatalogError(f"role {role!r} is not known; use one of {', '.join(ROLES)}")


class AccountDisabledError(CatalogError):
    """An administrator disabled the account `name`."""

    def __init__(self, name: str) -> None:
        super().__init__("this account is disabled; ask an administrator to re-enable it")
        self.name = name


class NameTakenError(CatalogError):
    """The name belongs to another subject, whose reference, class word or style differ."""


class LeaseLostError(CatalogError):
    """The owner no longer leases the cell: the lease expired and another claimed it, or it is already generated."""


class ReviewConflictError(CatalogError):
    """The output was reviewed or regenerated since the reviewer saw it; `revision` is its current one."""

    def __init__(self, message: str, revision: int) -> None:
        super().__init__(message)
        self.revision = revision


class VersionConflictError(CatalogError):
    """A reference's mask, caption or control image was changed since the writer saw it."""


@dataclass(frozen=True, kw_only=True)
class FurtherReference:
    """A further reference that a cell is planned with: its row, mask and caption, and its control images by kind."""

    reference_id: int
    mask_id: int | None
    caption: str
    controls: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, kw_only=True)
class FurtherSubject:
    """A further subject of a cell that shows several: its row, and its reference with mask and own control images.

    `further`: its references after that one, in order.
    """

    subject_id: int
    reference_id: int
    mask_id: int | None
    controls: Mapping[str, str] = field(default_factory=dict)
    further: Sequence[FurtherReference] = ()


@dataclass(frozen=True, kw_only=True)
class CellRecord:
    """One image to generate. `digest` (64 hex digits) covers everything that decides the pixels.

    `prompt` is the expanded prompt; `pose` and `depth` are the SHA-256 of its control images or None,
    `reference_pose` and `reference_depth` of those of its reference; `controls` and `reference_controls` are those of
    other kinds, by kind; `further` are the references after the first, in order; `sources` are the digests of the
    cells whose pictures it is made from, by role; `others` are the subjects after the first, in order; `settings` is
    everything else that the digest covers, as JSON values.
    """

    digest: str
    subject_id: int
    reference_id: int
    mask_id: int | None
    profile_id: int
    prompt: str
    pose: str | None
    seed: int
    settings: Mapping[str, Any]
    checkpoint_id: int | None = None
    depth: str | None = None
    reference_pose: str | None = None
    reference_depth: str | None = None
    controls: Mapping[str, str] = field(default_factory=dict)
    reference_controls: Mapping[str, str] = field(default_factory=dict)
    further: Sequence[FurtherReference] = ()
    sources: Mapping[str, str] = field(default_factory=dict)
    others: Sequence[FurtherSubject] = ()


@dataclass(frozen=True)
class ClaimedCells:
    """Cells of one subject of a run that were claimed together, in grid order.

    `first` and `last`: positions in the run's grid, from 0. `frame`: they attend to images of earlier cells: one frame,
    or cells of a set that all see its first.
    """

    run_id: str
    subject_id: int | None
    subject: str
    digests: Sequence[str]
    first: int
    last: int
    frame: bool


@dataclass(frozen=True)
class RunAtWork:
    """A run in progress: its weight between runs, and how many other workers claimed cells of it last."""

    id: str
    weight: int
    others: int


@dataclass(frozen=True)
class CellPicture:
    """The image of a cell: the SHA-256 of its bytes, which are stored and recorded, and its size in pixels.

    `device_seconds`: what it took to generate, with the attempts before that; None: unknown. `made_with`: what decides
    the image besides its recipe, such as versions of libraries; empty: unknown.
    """

    digest: str
    image_sha256: str
    width: int
    height: int
    device_seconds: float | None = None
    made_with: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class WorkFigures:
    """What a work session has done so far; names as in the schema."""

    items: int = 0
    failures: int = 0
    leases_lost: int = 0
    uploads_waiting: int = 0
    model_loads: int = 0
    model_load_seconds: float = 0.0


@dataclass(frozen=True, kw_only=True)
class MeasurementRecord:
    """An image that a benchmark generated of a subject by a method, with its measurements; names as in the schema."""

    digest: str
    method: str
    subject: str
    prompt: str
    seed: int
    measures: Mapping[str, float | None]
    prepare_s: float
    picture_s: float
    image_sha256: str


@dataclass(frozen=True)
class RunWarning:
    """A reason why a run's results may differ from the request, as a sentence with the remedy.

    `kind`: one of WARNING_KINDS; `place`: the key of the spec, such as prompts[0]; `subject` and `prompt`: the name and
    the expanded prompt that it concerns; None: all.
    """

    kind: str
    message: str
    place: str
    subject: str | None = None
    prompt: str | None = None


WARNING_KINDS = ("text cut off", "unknown words", "placeholder", "subject")


@dataclass(frozen=True)
class PlanResult:
    """Digests of a plan, in its order and each once: new rows, and rows that existed in any state."""

    new: Sequence[str]
    existing: Sequence[str]


@dataclass(frozen=True)
class StatusView:
    """Counts of the whole catalog. `cells` has every state as a key; `scored` counts generated cells with a score.

    `references`: those of all subjects, earlier ones included.
    """

    subjects: int
    cells: Mapping[CellState, int]
    scored: int
    references: int = 0


@dataclass(frozen=True)
class RunView:
    """A run and the current states of its cells (every state is a key).

    `reason`: why it did not complete; `refused`: rejected subjects, each with the reason; `spec_digest`: of its spec,
    which distinguishes runs of one name.
    """

    id: str
    name: str
    state: RunState
    flow_run_id: str | None
    started_at: datetime
    finished_at: datetime | None
    cells: Mapping[CellState, int]
    spec_digest: str
    reason: str | None = None
    refused: Mapping[str, str] = field(default_factory=dict)


def spec_digest(spec: Mapping[str, Any]) -> str:
    """Compute the SHA-256 of a run's spec, 64 hex digits."""
    return sha256(json.dumps(spec, sort_keys=True, separators=(",", ":")).encode()).hexdigest()


@dataclass(frozen=True)
class DeadRun:
    """A run whose process has died; `flow_run_id` is its id in the orchestrator."""

    id: str
    flow_run_id: str | None


@dataclass(frozen=True)
class MaskFacts:
    """A version of a reference's mask: `given` is its origin, `giver` who, `given_at` when they last provided it.

    `warnings`: doubts about it, a sentence each; None: not assessed yet. `licence`: that of the masker's model, if any.
    """

    id: int
    sha256: str
    version: int
    method: str
    confidence: float
    doubtful: bool
    given: Given
    giver: str | None
    given_at: datetime | None
    warnings: tuple[str, ...] | None
    licence: str | None = None


@dataclass(frozen=True, kw_only=True)
class AnnotationFacts:
    """A version of a reference's own caption (`text`) or control image (`image_sha256`); names as in the schema.

    Neither: nothing of this kind was found in the reference.
    """

    id: int
    kind: str
    text: str | None
    image_sha256: str | None
    method: str
    words: str | None
    confidence: float | None
    licence: str | None
    version: int
    given: Given
    giver: str | None
    given_at: datetime | None
    notes: tuple[str, ...]
    created_at: datetime


@dataclass(frozen=True)
class ReferenceWeight:
    """One of several references of a subject: its id, the SHA-256 of its image, and how much it counts."""

    reference_id: int
    image_sha256: str
    weight: float = 1.0


@dataclass(frozen=True)
class SubjectAssets:
    """A subject with its current reference and that reference's current mask (None: not masked yet).

    `references`: all that it has now, in order, of which that one is the first.
    """

    subject_id: int
    class_word: str
    style: str
    reference_id: int
    image_sha256: str
    caption: str | None
    mask_id: int | None
    mask_sha256: str | None
    mask_confidence: float | None
    doubtful: bool | None
    source: str = ""
    mask: MaskFacts | None = None
    references: Sequence[ReferenceWeight] = ()


@dataclass(frozen=True)
class CellView:
    """A cell for display; `scores` maps each metric to its newest value.

    `error`: why a failed cell failed, or why the last worker released a planned one.

    `uses_earlier_frames`: it is a frame that attends to the images of other cells, which its settings name under
    "frames".

    `failures` counts failures since it was last requested; at MAX_FAILURES it is not retried.
    """

    digest: str
    state: CellState
    subject_name: str
    prompt: str
    pose: str | None
    depth: str | None
    seed: int
    error: str | None
    failures: int
    uses_earlier_frames: bool
    output_id: int | None
    image_sha256: str | None
    scores: Mapping[str, float]


@dataclass(frozen=True)
class CellDetail(CellView):
    """A cell with its lineage, down to the weights' digest, and its history of attempts."""

    settings: Mapping[str, Any]
    reference_sha256: str
    reference_pose: str | None
    reference_depth: str | None
    mask_sha256: str | None
    profile: str
    weights_digest: str
    attempts: int
    owner: str | None
    lease_expires_at: datetime | None
    controls: Mapping[str, str] = field(default_factory=dict)
    reference_controls: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class UnscoredOutput:
    """The inputs of a metric for one output: blobs by SHA-256, and the prompt.

    `training`: the digest of the fine-tuning it was generated with, whose token the prompt contains; or None.
    `prompt_syntax`: the syntax of the prompt, if it is not literal. `scene`: what the settings have of an image of
    several subjects, of whom the reference is the first one's.
    """

    output_id: int
    digest: str
    image_sha256: str
    prompt: str
    reference_id: int
    reference_sha256: str
    mask_sha256: str | None
    training: str | None = None
    prompt_syntax: str | None = None
    scene: Mapping[str, Any] | None = None


@dataclass(frozen=True, kw_only=True)
class Arrangement:
    """A queue's outputs in order, with its stacks of near-duplicates and what triage left out.

    `ids`: the outputs that have a place, the first of a stack for all of it; `stacks`: the others of a stack, by its
    first; `hidden`: outputs without a place, until someone asks for them, and `triage` is what that rests on. The
    others of a hidden stack are in `stacks` too.
    """

    ids: Sequence[int]
    stacks: Mapping[int, Sequence[int]] = field(default_factory=dict)
    hidden: Sequence[int] = ()
    triage: Mapping[str, Any] | None = None

    @property
    def pictures(self) -> list[int]:
        """All outputs: those with a place, in stacks, and hidden."""
        return [one for first in (*self.ids, *self.hidden) for one in (first, *self.stacks.get(first, ()))]

    def part(self, ids: Sequence[int], hidden: Sequence[int]) -> "Arrangement":
        """Return the arrangement of a part of the outputs."""
        own = {first: self.stacks[first] for first in (*ids, *hidden) if first in self.stacks}
        return Arrangement(ids=ids, stacks=own, hidden=hidden, triage=self.triage)


@dataclass(frozen=True, kw_only=True)
class ImageFingerprint:
    """What an image looks like in a few numbers; the columns of storage.catalog.schema.results.Fingerprint."""

    image_sha256: str
    phash: str
    structure: bytes
    hash_version: str
    vector: bytes | None = None
    model: str | None = None
