"""Orders, runs and their cells."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Any, Literal

from pydantic import Field, model_validator

from deploy.dashboard.api.models.base import Answered, Sent
from storage.catalog.records import CellState, Decision

State = Literal["ordered", "running", "completed", "failed", "cancelled", "crashed"]


class OrderRequest(Sent):
    """A spec, as a mapping or as YAML. `new_defaults`, `new_weights`: as in `dreamtuner run`.

    `over_quota`: order it although it takes more device time than the quota of an order.
    """

    spec: dict[str, Any] | None = None
    yaml: Annotated[str, Field(max_length=1_100_000)] | None = None
    new_defaults: bool = False
    new_weights: bool = False
    over_quota: bool = False

    @model_validator(mode="after")
    def _one_of_both(self) -> OrderRequest:
        if (self.spec is None) == (self.yaml is None):
            raise ValueError("give spec, a mapping, or yaml, a text; not both")
        return self


class Work(Answered):
    """Work of one kind that there is to do. `seconds`: of the device; null: nothing of the kind was timed yet."""

    kind: str
    items: int
    device: str | None
    seconds: float | None
    money: float | None


class Warning(Answered):
    """Why images may differ from what was asked for, with the remedy. `place`: the key of the spec."""

    kind: str
    message: str
    place: str


class Plan(Answered):
    """What an order comes to. `existing`: images that there are already; `to_make`: those that a run would generate.

    `device_seconds` and `money`: of all work; null: a part of it is unknown, which `notes` say.
    `over_quota`: why the order has to be confirmed; null: it need not.
    """

    subjects: int
    new_subjects: int
    cells: int
    existing: int
    to_make: int
    work: list[Work]
    device_seconds: float | None
    currency: str | None
    money: float | None
    notes: list[str]
    warnings: list[Warning]
    over_quota: str | None


class Run(Answered):
    """A run, or an order that no worker has begun yet (`ordered`).

    `id`: of the run; of the order until it begins, by which the run is found later, too. `order`: the order's id; null:
    it was not ordered. `cells`: their number by state. `refused`: names of subjects that could not be used, each with
    the reason.
    """

    id: str
    order: str | None
    name: str | None
    state: State
    reason: str | None = None
    started_at: datetime | None = None
    finished_at: datetime | None = None
    cells: dict[str, int] | None = None
    refused: dict[str, str] = Field(default_factory=dict)


class RunSpec(Answered):
    """The spec of a run, without passwords and signatures in its addresses."""

    spec: dict[str, Any]


class Cell(Answered):
    """One image of a run, made or to be made. `position`: in the grid, from 0; `output_id`: its image."""

    position: int
    digest: str
    state: CellState
    subject_id: int
    subject: str
    prompt: str
    pose: str | None
    depth: str | None
    seed: int
    error: str | None
    output_id: int | None
    decision: Decision | None
    rating: int | None
    scores: dict[str, float]


class CellDetail(Answered):
    """A cell with its recipe and lineage."""

    digest: str
    state: CellState
    subject: Annotated[str, Field(validation_alias="subject_name")]
    prompt: str
    pose: str | None
    depth: str | None
    seed: int
    error: str | None
    failures: int
    output_id: int | None
    image_sha256: str | None
    scores: dict[str, float]
    settings: dict[str, Any]
    reference_sha256: str
    mask_sha256: str | None
    profile: str
    weights_digest: str
    attempts: int


class Images(Answered):
    """Numbers of a run's images. `made`: by the run itself; `approval`: approved among those decided, 0 to 1."""

    total: int
    generated: int
    failed: int
    approved: int
    rejected: int
    made: int
    made_approved: int
    approval: float | None


class Cost(Answered):
    """What a run cost. Seconds are null if unknown, money if a device that it used has no rate."""

    device_seconds: float | None
    review_seconds: float
    seconds_per_image: float | None
    seconds_per_approved: float | None
    currency: str | None
    device_money: float | None
    people_money: float | None
    money_per_image: float | None
    money_per_approved: float | None
    unpriced: list[str]


class RunMetrics(Answered):
    """The figures of a run."""

    images: Images
    cost: Cost


class Metrics(Answered):
    """Counts of the catalog, each up to 10,001. `scores`: names of the metrics that images were scored by."""

    decisions: dict[str, int]
    cells: dict[str, int]
    runs_in_progress: int
    scores: list[str]
