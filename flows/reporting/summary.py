"""Summarises a run: numbers for each subject, and the reasons of failures."""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from statistics import fmean

from flows.ingestion.store_subject import IngestResult
from flows.outcome import CellOutcomes, summarise_reasons
from flows.planning.cells import PlannedCell
from flows.spec.model import Spec
from storage.catalog.records import CellView, RunWarning


@dataclass(frozen=True)
class SubjectSummary:
    """One subject's cells in this run, the means of their scores, and why the subject or its cells failed.

    The cells of the scenes of the same subjects have one of their own, named "pip + momo", from back to front.
    """

    name: str
    made: int
    skipped: int
    failed: int
    scores: Mapping[str, float]
    doubtful: bool = False
    errors: tuple[str, ...] = ()


@dataclass(frozen=True)
class RunSummary:
    """One run. made + skipped + failed is the whole grid; cells of a rejected subject count as failed.

    `newer_defaults`: what newer defaults of the profile would change, if any.
    """

    run: str
    name: str
    contact_sheet: Path
    subjects: tuple[SubjectSummary, ...]
    warnings: tuple[RunWarning, ...] = ()
    newer_defaults: str | None = None

    @property
    def made(self) -> int:
        """Return the number of cells that this run generated."""
        return sum(one.made for one in self.subjects)

    @property
    def skipped(self) -> int:
        """Return the number of cells generated before, or by another run meanwhile."""
        return sum(one.skipped for one in self.subjects)

    @property
    def failed(self) -> int:
        """Return the number of missing cells; their reasons are in the subjects' `errors`."""
        return sum(one.failed for one in self.subjects)

    @property
    def reason(self) -> str | None:
        """Return a sentence on what is missing and why; None if nothing is."""
        if not self.failed:
            return None
        total = self.made + self.skipped + self.failed
        why = [f"{one.name}: {reason}" for one in self.subjects for reason in one.errors]
        return summarise_reasons(f"{self.failed} of {total} images were not generated", why)


def summarise(
    spec: Spec,
    metrics: Sequence[str],
    ingested: IngestResult,
    planned: Sequence[PlannedCell],
    made: CellOutcomes,
    cells: Mapping[str, CellView],
) -> tuple[SubjectSummary, ...]:
    """Count by subject. An image shared by two subjects counts as generated for the first."""
    fresh, failed = set(made.made), {*made.failed, *made.blocked}
    doubtful = {one.facts.name for one in ingested.ingested if one.any_doubtful}
    summaries = []

    def of_cells(name: str, ours: Sequence[str], *, doubtful: bool) -> SubjectSummary:
        n_made, n_failed = len(fresh.intersection(ours)), len(failed.intersection(ours))
        fresh.difference_update(ours)
        scores = {metric: _mean(metric, ours, cells) for metric in metrics}
        why = dict.fromkeys(made.blocked.get(one) or cells[one].error or "" for one in ours if one in failed)
        return SubjectSummary(
            name=name,
            made=n_made,
            skipped=len(ours) - n_made - n_failed,
            failed=n_failed,
            scores={metric: mean for metric, mean in scores.items() if mean is not None},
            doubtful=doubtful,
            errors=tuple(reason for reason in why if reason),
        )

    each = spec.cells_of_scenes // max(1, len(spec.scenes))
    casts = Counter(scene.names for scene in spec.scenes)
    for subject in spec.subjects:
        alone = casts.pop((subject.name,), 0)  # its scenes without others are among its own images
        if subject.name in ingested.refused:
            reasons = (ingested.refused[subject.name],)
            lost = spec.cells_per_subject + alone * each
            summaries.append(SubjectSummary(subject.name, 0, 0, lost, {}, errors=reasons))
            continue
        ours = [cell.digest for cell in planned if cell.names == (subject.name,)]
        summaries.append(of_cells(subject.name, ours, doubtful=subject.name in doubtful))
    for names, scenes in casts.items():
        if without := [name for name in names if name in ingested.refused]:
            why = tuple(f"{name}: {ingested.refused[name]}" for name in without)
            summaries.append(SubjectSummary(together(names), 0, 0, scenes * each, {}, errors=why))
            continue
        scene_cells = [cell.digest for cell in planned if cell.names == names]
        summaries.append(of_cells(together(names), scene_cells, doubtful=not doubtful.isdisjoint(names)))
    return tuple(summaries)


def together(names: Sequence[str]) -> str:
    """Return what several subjects of an image are called together."""
    return " + ".join(names)


def _mean(metric: str, digests: Sequence[str], cells: Mapping[str, CellView]) -> float | None:
    values = [cells[digest].scores[metric] for digest in digests if metric in cells[digest].scores]
    return fmean(values) if values else None
