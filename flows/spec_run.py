"""Starts a run of a spec, up to its recorded cells: the common part of the flows that run a spec."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

from pydantic import ValidationError

from dreamtuner.models.layouts import OWN_FIELDS, Kind
from flows.execution.costs.stop import demand_priced, rates_of, stop_if_cancelled
from flows.execution.recipe_rows import settings_of
from flows.execution.run_lifecycle import RunRow, run_row
from flows.finetune import finetune_all
from flows.image_io import content_type
from flows.ingest import ingest_in_parts
from flows.ingestion.facts import Facts
from flows.ingestion.sources import redacted
from flows.ingestion.store_subject import Ingested, IngestResult
from flows.patience import Patience
from flows.planning.cells import PlannedCell
from flows.planning.changed_weights import demand_same_weights
from flows.planning.defaults import Defaults, defaults_of_spec, newer_defaults
from flows.planning.estimate import estimate
from flows.planning.preflight import Ready, preflight
from flows.planning.projects.limits import demand_quota
from flows.planning.warnings import warnings_of
from flows.resources import Resources
from flows.spec.model import Spec
from storage.catalog import views, writes
from storage.catalog.records import CellRecord, FurtherReference, FurtherSubject
from storage.catalog.views import Quota
from storage.ingest import storing


@dataclass(frozen=True)
class SpecRun:
    """A run whose subjects are ingested, and fine-tuned if the spec says so. `row`: its outcome.

    `spec`: with redacted URLs; `ingested`: also the rejected subjects, with reasons.
    """

    row: RunRow
    spec: Spec
    resources: Resources
    patience: Patience
    ready: Ready
    defaults: Defaults
    ingested: IngestResult

    @property
    def id(self) -> str:
        """Return the run's ID in the catalog."""
        return self.row.id

    @property
    def facts(self) -> list[Facts]:
        """Return the facts of the ingested subjects."""
        return [one.facts for one in self.ingested.ingested]

    @property
    def newer_defaults(self) -> str | None:
        """Return a sentence if newer defaults of the profile would change the spec's images."""
        return newer_defaults(self.spec, self.defaults, [one.style for one in self.facts])

    def record(self, planned: Sequence[PlannedCell], *, training: str | None = None) -> None:
        """Record cells of the run, and its warnings, in the catalog; waits out outages.

        `training`: the fine-tuning that the run waited for to plan them.
        """
        ingested = self.ingested.ingested
        self.patience.retry(
            lambda: record(self.spec, self.resources, self.ready, self.id, ingested, planned, training=training)
        )


@contextmanager
def spec_run(
    spec: Spec,
    demand: Callable[[Spec], None],
    *,
    new_defaults: bool,
    new_weights: bool = False,
    fine_tune: bool = True,
    here: bool = True,
    frames: bool = False,
) -> Iterator[SpecRun]:
    """Start a run of the spec: check its models, ingest its subjects, fine-tune on them. It ends with the block.

    Without `fine_tune` that is left to the run's workers; without `here` these are on other machines.

    `demand`: raises InputError for a spec that the flow cannot run; `new_defaults`: use the profile's newest defaults,
    not those of the first run of a spec of this name; `new_weights`: generate again what was made with other weights;
    `frames`: the spec's poses are the frames of a video.
    """
    resources, spec = Resources.open(), redacted(spec)
    with run_row(spec, resources) as row:
        stop_if_cancelled(resources, row.id)  # before another process continued it
        demand(spec)
        demand_priced(spec, resources, here=here)
        with resources.catalog.read() as s:
            known, quota = {*views.subject_names(s)}, views.quota_of_run(s, row.id)
        if quota is not None and quota.left is not None:
            _demand_quota(spec, quota, resources, new_defaults=new_defaults)
        current = resources.profile(spec.profile)
        defaults = defaults_of_spec(spec, current, resources.catalog, new=new_defaults)
        ready = preflight(spec, resources, defaults.profile, frames=frames)
        if not new_weights:
            demand_same_weights(spec, resources, resources.catalog)
        defaults.remember(resources.catalog, new=new_defaults)
        # a subflow cannot begin while Prefect's server is away
        result = resources.patience().retry(lambda: ingest_in_parts(spec))
        own_new_subjects(resources, row.id, [one for one in result.ingested if one.facts.name not in known])
        ingested = result
        if fine_tune:
            finetuned, failed = finetune_all(result.ingested, spec.profile, ready.setup, resources, row.id)
            ingested = IngestResult(tuple(finetuned), result.refused | failed)
        row.refused = ingested.refused
        yield SpecRun(row, spec, resources, resources.patience(), ready, defaults, ingested)


def _demand_quota(spec: Spec, quota: Quota, resources: Resources, *, new_defaults: bool) -> None:
    """Raise InputError if the run would take more than its project has left. What exists already takes nothing."""
    try:
        found = estimate(spec, resources.catalog, rates_of(resources), resources, new_defaults=new_defaults)
    except ValidationError:  # said by the checks that follow
        return
    if found.to_make:
        demand_quota(spec, quota, found.device_seconds)


def own_new_subjects(resources: Resources, run_id: str, new: Sequence[Ingested]) -> None:
    """Give the subjects that a run has added to its project."""
    with resources.catalog.write() as s:
        project = views.project_of_run(s, run_id)
        for one in new:
            writes.own_new_subject(s, one.subject_id, None if project is None else project.id)


def _others(layouts: Mapping[Kind, str]) -> dict[Kind, str]:
    return {kind: sha256 for kind, sha256 in layouts.items() if kind not in OWN_FIELDS}


def _further(row: Ingested, entries: Sequence[Mapping[str, Any]]) -> list[FurtherReference]:
    """Return the rows of a subject's further references in a cell. `entries`: their part of the recipe."""
    return [
        FurtherReference(
            reference_id=one.reference_id,
            mask_id=one.mask_id,
            caption=entry["caption"],
            controls=entry.get("layouts", {}),
        )
        for one, entry in zip(row.further, entries, strict=True)
    ]


def _other(row: Ingested, entry: Mapping[str, Any]) -> FurtherSubject:
    """Return the rows of a scene's further subject. `entry`: its part of the recipe."""
    return FurtherSubject(
        subject_id=row.subject_id,
        reference_id=row.reference_id,
        mask_id=row.mask_id,
        controls=entry.get("layouts", {}),
        further=_further(row, entry.get("references", ())),
    )


def record(
    spec: Spec,
    resources: Resources,
    ready: Ready,
    run_id: str,
    ingested: Sequence[Ingested],
    planned: Sequence[PlannedCell],
    *,
    training: str | None = None,
) -> None:
    """Record the run's cells and warnings; existing cells are only linked to the run.

    Stores the control images first, then the rows that refer to them. `training`: as in `SpecRun.record`.
    """
    rows = {one.facts.name: one for one in ingested}
    files = {one.sha256: one.data for ones in ready.layouts.values() for one in ones if one is not None}
    pieces = [(data, content_type(data)) for data in files.values()]
    with storing(resources.catalog, resources.store, *pieces) as (s, _):
        licence = resources.profile(spec.profile).licence.name
        weights, parts = ready.setup.weights, resources.part_digests(spec.profile)
        profile_id = writes.add_profile(s, name=spec.profile, weights_digest=weights, licence=licence, parts=parts)
        checkpoints = {cell.recipe["checkpoint"] for cell in planned} - {None}
        ids = {digest: views.training(s, digest).checkpoint_id for digest in checkpoints}
        records = [
            CellRecord(
                digest=cell.digest,
                subject_id=rows[cell.subject].subject_id,
                reference_id=rows[cell.subject].reference_id,
                mask_id=rows[cell.subject].mask_id,
                profile_id=profile_id,
                checkpoint_id=ids.get(cell.recipe["checkpoint"]),
                prompt=cell.prompt,
                pose=cell.layouts.get("pose"),
                depth=cell.layouts.get("depth"),
                reference_pose=cell.own_layouts.get("pose"),
                reference_depth=cell.own_layouts.get("depth"),
                controls=_others(cell.layouts),
                reference_controls=_others(cell.own_layouts),
                seed=cell.seed,
                further=_further(rows[cell.subject], cell.further),
                others=[_other(rows[name], one) for name, one in zip(cell.others, cell.of_others, strict=True)],
                sources=cell.sources,
                settings=settings_of(cell.recipe),
            )
            for cell in planned
        ]
        writes.plan_cells(s, run_id, records)
        if training is not None:
            writes.training_planned(s, run_id, training)
        warnings = warnings_of(
            spec,
            [(one.facts, one.warnings) for one in ingested],
            ready.setup,
            resources.profile(spec.profile),
        )
        writes.replace_warnings(s, run_id, warnings, {name: row.subject_id for name, row in rows.items()})
