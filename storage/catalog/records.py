"""Frozen dataclasses that cross the catalog's border: what callers hand in and what reads hand back."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from hashlib import sha256
from typing import Any, Literal, get_args

CellState = Literal["planned", "generating", "generated", "failed", "lost"]
RunState = Literal["running", "completed", "failed", "cancelled", "crashed"]
Decision = Literal["none", "approved", "rejected", "flagged"]
Role = Literal["viewer", "reviewer", "operator", "admin"]
Given = Literal["found", "file", "spec", "ingest", "dashboard"]
NumbersOwner = Literal["spec", "subject"]
CELL_STATES: tuple[CellState, ...] = get_args(CellState)
RUN_STATES: tuple[RunState, ...] = get_args(RunState)
DECISIONS: tuple[Decision, ...] = get_args(Decision)
NUMBERS_OWNERS: tuple[NumbersOwner, ...] = get_args(NumbersOwner)  # what remembers the numbers of its first run
ROLES: tuple[Role, ...] = get_args(Role)  # each may do what those before it may
GIVEN: tuple[Given, ...] = get_args(Given)
PERSONS: tuple[Given, ...] = ("spec", "ingest", "dashboard")  # "file": the alpha channel, which is the reference's own
MAX_FAILURES = 3  # a cell that failed so often stays failed until a new run asks for it


class CatalogError(Exception):
    """The catalog refuses the request; the message names the field and the remedy."""


class NotInCatalogError(CatalogError, LookupError):
    """No row answers to that name, id or digest."""


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
    """The name is another subject's: its reference, class word or style differ."""


class LeaseLostError(CatalogError):
    """The cell is no longer this owner's: its lease ran out and another took it, or it is already made."""


class ReviewConflictError(CatalogError):
    """The output was reviewed or made anew since the reviewer looked; `revision` is what it is at now."""

    def __init__(self, message: str, revision: int) -> None:
        super().__init__(message)
        self.revision = revision


@dataclass(frozen=True, kw_only=True)
class CellRecord:
    """One picture to make. `digest` (64 hex digits) covers everything that decides the pixels.

    `prompt` is the expanded prompt; `pose` and `depth` are the SHA-256 of the layouts to follow or None,
    `reference_pose` and `reference_depth` of those that the reference passes with; `settings` is all else that went
    into the digest, as JSON values.
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


@dataclass(frozen=True)
class CellPicture:
    """The picture of a cell: the SHA-256 of its bytes, which are stored and recorded, and its size in pixels."""

    digest: str
    image_sha256: str
    width: int
    height: int


@dataclass(frozen=True, kw_only=True)
class MeasurementRecord:
    """A picture that a bench drew of a subject by a method, and what it measured of it; names as in the schema."""

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
    """Something that changes what a run makes beyond what was asked, in a sentence with the remedy.

    `kind`: one of WARNING_KINDS; `place`: the key of the spec, such as prompts[0]; `subject`: whom it concerns by name,
    `prompt`: the cells of which expanded prompt; None: all.
    """

    kind: str
    message: str
    place: str
    subject: str | None = None
    prompt: str | None = None


WARNING_KINDS = ("text cut off", "unknown words", "placeholder", "subject")


@dataclass(frozen=True)
class PlanResult:
    """Digests of a plan, in its order and each once: rows that were new, and rows that were there in whatever state."""

    new: Sequence[str]
    existing: Sequence[str]


@dataclass(frozen=True)
class StatusView:
    """Counts of the whole catalog. `cells` has every state as a key; `scored` counts generated cells with a score."""

    subjects: int
    cells: Mapping[CellState, int]
    scored: int


@dataclass(frozen=True)
class RunView:
    """A run and the states its cells are in now (every state is a key).

    `reason`: why it did not complete; `refused`: subjects that were refused, each with the reason; `spec_digest`: of
    its spec, so that runs of one name can be told apart.
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
    """The SHA-256 of a spec as a run keeps it, in 64 hex digits."""
    return sha256(json.dumps(spec, sort_keys=True, separators=(",", ":")).encode()).hexdigest()


@dataclass(frozen=True)
class DeadRun:
    """A run that was found without a process; `flow_run_id` is what the orchestrator calls it."""

    id: str
    flow_run_id: str | None


@dataclass(frozen=True)
class MaskFacts:
    """A version of a reference's mask: `given` says how it came, `giver` by whom, `given_at` when a person last did.

    `warnings`: what speaks against it, a sentence each; None: nobody has judged it yet.
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


@dataclass(frozen=True)
class SubjectAssets:
    """A subject with its newest reference, and the mask of that one that is in use (None: not masked yet)."""

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


@dataclass(frozen=True)
class CellView:
    """A cell as a person sees it; `scores` maps metric to its newest value.

    `error`: why a failed cell failed, or why a planned one was given back by the worker that had it last.

    `uses_earlier_frames`: it is a frame that looks at the pictures of other cells, which its settings name under
    "frames".

    `failures` counts how often it failed since it was asked for; at MAX_FAILURES it is not tried again.
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


@dataclass(frozen=True)
class UnscoredOutput:
    """What a metric needs to score one output: blobs by SHA-256, and the prompt the picture should follow.

    `training`: the digest of the fine-tuning that it was drawn with, whose word the prompt holds then; or None.
    """

    output_id: int
    digest: str
    image_sha256: str
    prompt: str
    reference_id: int
    reference_sha256: str
    mask_sha256: str | None
    training: str | None = None
