"""A planned grid entered in the catalog: layouts into the store, then the rows that name them."""

from collections.abc import Sequence

from flows.execution.generate_batch import settings_of
from flows.image_io import content_type
from flows.ingestion.store_subject import Ingested
from flows.planning.cells import PlannedCell
from flows.planning.preflight import Ready
from flows.planning.warnings import warnings_of
from flows.resources import catalog_of, profile_of, store_of
from flows.settings import Settings
from flows.spec.model import Spec
from storage.catalog import views, writes
from storage.catalog.records import CellRecord
from storage.ingest import keeping


def record(
    spec: Spec,
    settings: Settings,
    ready: Ready,
    run_id: str,
    ingested: Sequence[Ingested],
    planned: Sequence[PlannedCell],
) -> None:
    """Enter the run's cells and its warnings; cells that are there already only join the run."""
    rows = {one.facts.name: one for one in ingested}
    files = {one.sha256: one.data for ones in ready.layouts.values() for one in ones if one is not None}
    pieces = [(data, content_type(data)) for data in files.values()]
    with keeping(catalog_of(settings), store_of(settings), *pieces) as (s, _):
        licence = profile_of(settings, spec.profile).licence
        profile_id = writes.add_profile(s, name=spec.profile, weights_digest=ready.drawing.weights, licence=licence)
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
                seed=cell.seed,
                settings=settings_of(cell.recipe),
            )
            for cell in planned
        ]
        writes.plan_cells(s, run_id, records)
        warnings = warnings_of(
            spec,
            [(one.facts, one.warnings) for one in ingested],
            ready.drawing,
            profile_of(settings, spec.profile),
        )
        writes.keep_warnings(s, run_id, warnings, {name: row.subject_id for name, row in rows.items()})
