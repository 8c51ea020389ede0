"""Measures planning and rerunning a grid without missing cells."""

import os
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from PIL import Image, ImageDraw
from sqlalchemy import Engine, event

if TYPE_CHECKING:
    from flows.settings import Settings
    from flows.spec.model import Spec

PROMPTS, METRICS = 10, ("clip_i", "clip_t")
WARM = 20
"""Cells of a warm-up grid, which loads modules and Prefect and computes the digests of models."""


@dataclass(frozen=True)
class Rerun:
    """Seconds and SQL statements of `dreamtuner plan` and `dreamtuner run` for a grid without missing cells.

    `..._cpu_seconds` is the CPU time of this process, which does not depend on other load.
    """

    database: str
    cells: int
    plan_seconds: float
    plan_cpu_seconds: float
    plan_statements: int
    rerun_seconds: float
    rerun_cpu_seconds: float
    rerun_statements: int


def measure_reruns(home: Path, sizes: tuple[int, ...], catalog_url: str = "") -> list[Rerun]:
    """Measure a grid of each size in the empty folder `home`. Changes the environment of the process permanently.

    `catalog_url`: an empty catalog; by default a SQLite file in `home`.
    """
    os.environ |= {"DREAMTUNER_HOME": str(home), "DREAMTUNER_CATALOG_URL": catalog_url, "DREAMTUNER_STORE_URL": ""}
    os.environ["DREAMTUNER_POCKET_WEIGHTS"] = ""  # the shipped tokenizer distinguishes the prompts of the grid
    from deploy.cli.local_run import prefect_beside
    from flows.settings import Settings

    settings = Settings.load()
    with prefect_beside(settings) as ready:
        import flows.catalog  # noqa: F401  # slow imports run while the server starts

        ready()
        _grid(settings, home, WARM)
        return [_grid(settings, home, cells) for cells in sizes]


def _grid(settings: "Settings", home: Path, cells: int) -> Rerun:
    from flows.catalog import catalog
    from flows.planning.preview import preview
    from flows.resources import Resources

    spec = _spec(home, cells)
    _make(spec, settings)
    catalog(spec)  # creates the contact sheet
    planned = _timed(lambda: preview(spec, Resources.open(settings)))
    database = Resources.open(settings).catalog.url.get_backend_name()
    return Rerun(database, cells, *planned, *_timed(lambda: catalog(spec)))


def _timed(work: Callable[[], object]) -> tuple[float, float, int]:
    """Return the wall time, the CPU time of this process, and the number of SQL statements."""
    with _counted() as statements:
        began, cpu = time.perf_counter(), time.process_time()
        work()
        return time.perf_counter() - began, time.process_time() - cpu, statements[0]


@contextmanager
def _counted() -> Iterator[list[int]]:
    """Count the SQL statements that this process sends; yields a list with the count."""
    count = [0]

    def hear(*_: Any) -> None:
        count[0] += 1

    event.listen(Engine, "before_cursor_execute", hear)
    try:
        yield count
    finally:
        event.remove(Engine, "before_cursor_execute", hear)


def _spec(home: Path, cells: int) -> "Spec":
    from flows.spec.model import Spec

    picture = Image.new("RGBA", (64, 64), (0, 0, 0, 0))
    ImageDraw.Draw(picture).ellipse((16, 6, 48, 60), fill="red")
    picture.save(home / "pip.png")
    return Spec.model_validate(
        {
            "name": f"bench {cells}",
            "subjects": [{"name": "pip", "class_word": "bear", "reference": str(home / "pip.png")}],
            "prompts": [f"a {{subject}} in place {i} of {cells}" for i in range(PROMPTS)],
            "seeds": list(range(max(1, cells // PROMPTS))),
            "score": list(METRICS),
        }
    )


def _make(spec: "Spec", settings: "Settings") -> None:
    """Store all cells of the spec with scores, and one image for all of them."""
    from dreamtuner.score import METRICS as KNOWN
    from flows.image_io import PNG, png_bytes
    from flows.ingestion.store_subject import prepare_and_store
    from flows.planning.cells import plan_cells
    from flows.planning.preflight import preflight
    from flows.resources import Resources
    from flows.spec_run import record
    from storage.catalog import views, writes
    from storage.catalog.records import CellPicture
    from storage.ingest import storing

    owner, resources = "bench", Resources.open(settings)
    ready, kept = preflight(spec, resources), prepare_and_store(spec.subjects[0], resources)
    with storing(resources.catalog, resources.store, (png_bytes(Image.new("RGB", (64, 64))), PNG)) as (s, [sha]):
        run_id = writes.start_run(s, name=spec.name, spec={}, flow_run_id=None)
    planned = plan_cells(spec, [kept.facts], ready.setup)
    record(spec, resources, ready, run_id, [kept], planned)
    with resources.catalog.write() as s:
        digests = writes.claim_cells(s, [cell.digest for cell in planned], owner, 3600)
        writes.finish_cells(s, [CellPicture(digest, sha, 64, 64) for digest in digests], owner=owner, run_id=run_id)
        outputs = [cell.output_id for cell in views.cells_of_run(s, run_id, scores=False)]
        for name in METRICS:
            version = KNOWN[name].version(resources.profile(spec.profile))
            writes.add_scores(s, metric=name, version=version, values={one: 0.5 for one in outputs if one is not None})
        writes.finish_run(s, run_id, "completed")
