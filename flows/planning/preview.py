"""Previews what a run of a spec would generate, without writing anything."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

from dreamtuner.models.weights import WeightsMissingError
from flows.ingestion.choice import stated_eyes
from flows.ingestion.known import stored_subject
from flows.ingestion.prepare import prepare
from flows.planning.cells import PlannedCell, plan_cells
from flows.planning.defaults import defaults_of_spec, newer_defaults
from flows.planning.preflight import preflight
from flows.planning.warnings import warnings_of
from flows.resources import Resources
from flows.spec.model import Spec, demand_grid
from flows.spec.problems import InputError, Problem, SubjectError, placed_in
from storage.catalog import views
from storage.catalog.records import CellState, RunWarning

if TYPE_CHECKING:
    from storage.catalog import Catalog


@dataclass(frozen=True)
class SubjectPreview:
    """One subject: the confidence of its (first) mask and how many references it has, or why it would be rejected.

    `doubtful`: whether the mask of any is.
    """

    name: str
    confidence: float | None
    doubtful: bool
    error: str | None
    warnings: tuple[str, ...] = ()
    references: int = 0


@dataclass(frozen=True)
class Preview:
    """The grid, and the states of its cells that are in the catalog (digest to state).

    `newer_defaults`: what newer defaults of the profile would change, if any; `changed_weights`: what its other weights
    would regenerate, if they changed since the spec last ran.
    """

    subjects: tuple[SubjectPreview, ...]
    cells: tuple[PlannedCell, ...]
    states: Mapping[str, CellState]
    warnings: tuple[RunWarning, ...] = ()
    newer_defaults: str | None = None
    changed_weights: str | None = None

    def missing(self, names: tuple[str, ...] | None = None) -> int:
        """Return how many cells a run would generate, of the images of these subjects together or of all."""
        return self._to_make(cell for cell in self.cells if names is None or cell.names == names)

    def missing_of(self, subject: str) -> int:
        """Return how many cells a run would generate that show a subject, alone or with others."""
        return self._to_make(cell for cell in self.cells if subject in cell.names)

    def _to_make(self, cells: Iterable[PlannedCell]) -> int:
        return sum(self.states.get(cell.digest) != "generated" for cell in cells)


def preview(spec: Spec, resources: Resources, *, new_defaults: bool = False) -> Preview:
    """Read and mask the references in memory, expand the grid, compare it with the catalog if there is one.

    `new_defaults`: use the profile's newest defaults, not those of the spec's first run.
    """
    demand_grid(spec)
    catalog = resources.catalog_if_any
    defaults = defaults_of_spec(spec, resources.profile(spec.profile), catalog, new=new_defaults)
    ready = preflight(spec, resources, defaults.profile)
    subjects, facts, files = [], [], []
    for i, subject in enumerate(spec.subjects):
        try:
            stored = stored_subject(subject.name, resources)
            prepared = prepare(subject, resources, stored, profile=spec.profile, stated=stated_eyes(spec))
        except SubjectError as error:
            subjects.append(SubjectPreview(subject.name, None, False, placed_in(i, str(error))))
            continue
        except WeightsMissingError as error:
            raise InputError(f"spec {spec.name!r}", [Problem(path=("subjects", i), message=str(error))]) from error
        facts.append(prepared.facts)
        files.append((prepared.facts, prepared.warnings))
        subjects.append(
            SubjectPreview(
                subject.name,
                prepared.mask.confidence,
                prepared.any_doubtful,
                None,
                prepared.warnings,
                1 + len(prepared.further),
            )
        )
    cells = plan_cells(spec, facts, ready.setup)
    if spec.scenes:
        from flows.planning.scenes.plan import plan_scenes

        cells += plan_scenes(spec, facts, ready.setup)
    warnings = warnings_of(spec, files, ready.setup, resources.profile(spec.profile))
    states = {} if catalog is None else _states(catalog, cells)
    newer = newer_defaults(spec, defaults, [one.style for one in facts])
    changed = None if catalog is None else _changed_weights(spec, resources, catalog)
    return Preview(tuple(subjects), tuple(cells), states, tuple(warnings), newer, changed)


def _changed_weights(spec: Spec, resources: Resources, catalog: "Catalog") -> str | None:
    from flows.planning.changed_weights import changed_weights  # only where there is a catalog

    return changed_weights(spec, resources, catalog)


def _states(catalog: "Catalog", cells: list[PlannedCell]) -> dict[str, CellState]:
    with catalog.read() as s:
        return views.cell_states_of(s, [cell.digest for cell in cells])
