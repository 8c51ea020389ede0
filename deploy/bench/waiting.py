"""Measures the overhead of a grid with a generator that only waits, like a host that waits for its GPU."""

import os
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any

from PIL import Image, ImageColor, ImageDraw

from dreamtuner.sampling.reference_pass import ReferenceFeatures

if TYPE_CHECKING:
    from flows.settings import Settings
    from flows.spec.subject import SubjectSpec

STEPS = 20  # waits per call, like the steps of a denoising loop


@dataclass(frozen=True)
class Measured:
    """Seconds and resident megabytes. `drawing_seconds` is the time inside the generator, ideally cells x time.

    `cpu_seconds` is the CPU time of this process: the generator only sleeps, so all of it is overhead, most of it
    parallel to generation. Unlike the other times it does not depend on other load.
    """

    cells: int
    chunk: int
    plan_seconds: float
    generate_seconds: float
    drawing_seconds: float
    ideal_seconds: float
    cpu_seconds: float
    rss_early_mb: float
    rss_late_mb: float
    reference_passes: int
    subjects: int = 1

    @property
    def overhead(self) -> float:
        """Return the time of the flow beyond ideal generation, as a fraction of the latter."""
        return self.generate_seconds / self.ideal_seconds - 1


class Waiting:
    """A grid of `cells` cells of `subjects` subjects that take `seconds` each, with `chunk` cells per task.

    Attributes:
        passes: how many references this process encoded since the last `reset`.
    """

    def __init__(self, cells: int, seconds: float, chunk: int, subjects: int = 1) -> None:
        self.cells, self.seconds, self.chunk, self.subjects = cells, seconds, chunk, min(subjects, cells)
        self._rss: list[tuple[int, float]] = []
        self.reset()

    def reset(self) -> None:
        """Forget what was counted."""
        self._spent, self._done, self.passes = 0.0, 0, 0
        self._rss.clear()

    def measure(self, home: Path) -> Measured:
        """Plan and generate the grid in the empty folder `home`. Changes the environment of the process permanently.

        A grid of one chunk is generated first, since in a run other flows have warmed up Prefect before `generate`.
        """
        with self.beside_prefect(home) as settings:
            from flows.generate import generate

            self.stand_in(settings)
            generate(self.plan(settings, home, "warm up", self.chunk))  # the first flow of a process loads
            self.reset()
            began = time.perf_counter()
            run_id = self.plan(settings, home, "bench", self.cells, self.subjects)
            planned, cpu = time.perf_counter(), time.process_time()
            made = generate(run_id)
            ended, cpu = time.perf_counter(), time.process_time() - cpu
        if len(made.made) != self.cells:
            raise RuntimeError(f"{len(made.made)} of {self.cells} cells were generated, {len(made.failed)} failed")
        early = next(rss for done, rss in self._rss if done >= self.cells / 10)
        return Measured(
            self.cells,
            self.chunk,
            planned - began,
            ended - planned,
            self._spent,
            self.cells * self.seconds,
            cpu,
            early,
            self._rss[-1][1],
            self.passes,
            self.subjects,
        )

    @contextmanager
    def beside_prefect(self, home: Path) -> "Iterator[Settings]":
        """Provide a server of Prefect and settings for the empty folder `home`; changes this process's environment."""
        os.environ |= {"DREAMTUNER_HOME": str(home), "DREAMTUNER_CHUNK_CELLS": str(self.chunk)}
        os.environ |= {"DREAMTUNER_CATALOG_URL": "", "DREAMTUNER_STORE_URL": ""}  # both in `home`
        from deploy.cli.local_run import prefect_beside
        from flows.settings import Settings

        settings = Settings.load()
        with prefect_beside(settings) as ready:
            import flows.execution.generation_worker  # noqa: F401  # slow imports, while the server starts

            ready()
            yield settings

    def stand_in(self, settings: "Settings") -> None:
        """Let this process generate by waiting, instead of by the model."""
        import flows.execution.generate_batch as batch
        from flows.resources import Resources

        setattr(batch, "generate", self._generate)  # noqa: B010
        digest = Resources.open(settings).weights_digest("pocket")
        setattr(Resources, "backbone", lambda *_: SimpleNamespace(weights_digest=digest))  # noqa: B010

    def _generate(
        self, _: Any, __: Any, cells: Sequence[Any], ___: Any, reference_cache: Any, on_step: Any = None, **____: Any
    ) -> Any:
        began = time.perf_counter()
        if not (held := reference_cache.held("reference")):
            held.append(ReferenceFeatures({}, {}))
            self.passes += 1
        for step in range(1, STEPS + 1):
            time.sleep(max(0.0, began + len(cells) * self.seconds * step / STEPS - time.perf_counter()))
            if on_step is not None:
                on_step(step, STEPS)
        self._spent += time.perf_counter() - began
        self._done += len(cells)
        self._rss.append((self._done, _resident_mb()))
        return [Image.new("RGB", (64, 64), (cell.seed % 256, cell.seed // 256 % 256, 0)) for cell in cells]

    def plan(self, settings: "Settings", home: Path, name: str, cells: int, subjects: int = 1) -> str:
        """Plan a run of `cells` cells, as many of each subject, or one less of the last; return its id."""
        from flows.ingestion.store_subject import prepare_and_store
        from flows.planning.cells import plan_cells
        from flows.planning.preflight import preflight
        from flows.resources import Resources
        from flows.spec.model import Spec
        from flows.spec_run import record
        from storage.catalog import writes

        resources = Resources.open(settings)
        drawn = [_subject(home, number, subjects) for number in range(1, subjects + 1)]
        seeds = tuple(range(-(-cells // subjects)))
        spec = Spec(name=name, subjects=tuple(drawn), prompts=(f"a {{subject}}, {name}",), seeds=seeds, score=())
        ready, kept = preflight(spec, resources), [prepare_and_store(one, resources) for one in drawn]
        with resources.catalog.write() as s:
            run_id = writes.start_run(s, name=spec.name, spec={}, flow_run_id=None)
        planned = plan_cells(spec, [one.facts for one in kept], ready.setup)
        by_seed = sorted(planned, key=lambda cell: cell.seed)[:cells]
        record(spec, resources, ready, run_id, kept, by_seed)
        return run_id


def _subject(home: Path, number: int, of: int) -> "SubjectSpec":
    """Draw a reference whose colour no other of the `of` subjects has."""
    from flows.spec.subject import SubjectSpec

    picture, file = Image.new("RGBA", (64, 64), (0, 0, 0, 0)), home / f"pip-{number}.png"
    colour = ImageColor.getrgb(f"hsl({360 * (number - 1) // of}, 100%, 50%)")
    ImageDraw.Draw(picture).ellipse((16, 6, 48, 60), fill=colour)
    picture.save(file)
    return SubjectSpec(name="pip" if number == 1 else f"pip {number}", class_word="bear", reference=str(file))


def _resident_mb() -> float:
    pages = int(Path("/proc/self/statm").read_text().split()[1])
    return pages * os.sysconf("SC_PAGE_SIZE") / 1e6
