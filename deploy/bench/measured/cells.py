"""Stores measured cells of a table in the catalog, and their images in the object store."""

import json
from collections.abc import Mapping, Sequence
from pathlib import Path

from PIL import Image

from deploy.bench.measured.measurements import KeptCells, read_values, stored_values
from deploy.bench.refusal import refuse_without_oracle
from dreamtuner.evaluation.cache import CellStore, EvaluationCache
from dreamtuner.evaluation.cells import Measured, NewCell
from dreamtuner.evaluation.run import Bench
from dreamtuner.models.profiles import Profile
from flows.image_io import PNG, open_picture, png_bytes
from flows.resources import Resources
from flows.settings import Settings
from storage.catalog import Catalog, views, writes
from storage.catalog.records import MeasurementRecord
from storage.ingest import storing
from storage.objects import ObjectMissingError, ObjectStore, get_blob
from storage.objects.blobs import DigestMismatchError


class CatalogCells:
    """A `CellStore` in a table of its own, since images of other methods are not outputs for review."""

    def __init__(self, catalog: Catalog, store: ObjectStore) -> None:
        self._catalog, self._store = catalog, store

    def measured(self, digests: Sequence[str]) -> Mapping[str, Measured]:
        """Return the measurements of the digests that have one."""
        with self._catalog.read() as s:
            found = views.measurements(s, digests)
        return {digest: _measured(row) for digest, row in found.items()}

    def pictures(self, digests: Sequence[str]) -> Mapping[str, Image.Image]:
        """Return the images of the digests whose images are in the store and intact."""
        with self._catalog.read() as s:
            found = views.measurements(s, digests)
        pictures = {}
        for digest, row in found.items():
            try:
                pictures[digest] = open_picture(get_blob(self._store, row.image_sha256), "RGB")
            except (ObjectMissingError, DigestMismatchError):
                continue  # it is measured again, which replaces it
        return pictures

    def save(self, cells: Sequence[NewCell]) -> None:
        """Store the images first, then all rows in one transaction."""
        pieces = [(_png(cell), PNG) for cell in cells]
        with storing(self._catalog, self._store, *pieces) as (s, blobs):
            writes.add_measurements(s, [_record(cell, sha256) for cell, sha256 in zip(cells, blobs, strict=True)])


def cache_of(
    settings: Settings, profile: Profile, *, pictured: bool = True, kept: Path | None = None
) -> EvaluationCache:
    """Open the evaluation cache of a profile: cells in the catalog, running trainings in the data folder.

    `kept`: a file of measurements that are known too; `pictured`: see EvaluationCache.
    """
    resources = Resources.open(settings)
    cells: CellStore = CatalogCells(resources.catalog, resources.store)
    if kept is not None:
        cells = KeptCells(cells, kept)
    return EvaluationCache(settings.home / "bench", cells, profile, pictured=pictured)


def bench_and_cache(
    weights: Path | None = None, field: str = "DREAMTUNER_POCKET_WEIGHTS"
) -> tuple[Bench, EvaluationCache]:
    """Load the pocket models, of the folder ``weights`` if it is given, and open what was measured with them.

    Ends the command if they have no oracle; ``field`` selected them.
    """
    settings = Settings.load()
    resources = Resources.open(settings)
    profile = resources.profile("pocket")
    if weights is not None:
        profile = profile.model_copy(update={"weights": weights.absolute()})
    refuse_without_oracle(profile, field)
    return Bench.load(profile, resources.device), cache_of(settings, profile)


def _measured(row: MeasurementRecord) -> Measured:
    return Measured(read_values(row.measures), row.prepare_s, row.picture_s)


def _record(cell: NewCell, image_sha256: str) -> MeasurementRecord:
    return MeasurementRecord(
        digest=cell.digest,
        method=cell.method,
        subject=cell.subject,
        prompt=cell.prompt,
        seed=cell.seed,
        measures=stored_values(cell.measured.measures),
        prepare_s=cell.measured.prepare_s,
        picture_s=cell.measured.picture_s,
        image_sha256=image_sha256,
    )


def _png(cell: NewCell) -> bytes:
    words = {"method": cell.method, "subject": cell.subject, "prompt": cell.prompt, "seed": cell.seed}
    return png_bytes(cell.picture, json.dumps({"measurement": cell.digest, **words}))
