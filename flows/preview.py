"""What a run of a spec would do, found out without writing anything."""

from collections.abc import Mapping
from dataclasses import dataclass

from flows.known import stored_subject
from flows.plan import PlannedCell, plan_cells
from flows.preflight import preflight
from flows.prepare import prepare
from flows.problems import SubjectRefused
from flows.resources import catalog_if_any, profile_of
from flows.settings import Settings
from flows.spec import Spec, demand_grid
from flows.warnings import warnings_of
from storage.catalog import Catalog, views
from storage.catalog.records import CellState, NotInCatalog, RunWarning


@dataclass(frozen=True)
class SubjectPreview:
    """One subject: what its mask is worth, or why it would be refused."""

    name: str
    confidence: float | None
    doubtful: bool
    error: str | None
    warnings: tuple[str, ...] = ()


@dataclass(frozen=True)
class Preview:
    """The grid, and the state of those of its cells that the catalog knows (digest to state)."""

    subjects: tuple[SubjectPreview, ...]
    cells: tuple[PlannedCell, ...]
    states: Mapping[str, CellState]
    warnings: tuple[RunWarning, ...] = ()

    def missing(self, subject: str | None = None) -> int:
        """How many cells a run would make, of one subject or of all."""
        ours = [cell for cell in self.cells if subject is None or cell.subject == subject]
        return sum(self.states.get(cell.digest) != "generated" for cell in ours)


def preview(spec: Spec, settings: Settings) -> Preview:
    """Read and mask the references in memory, expand the grid, compare it with the catalog where there is one."""
    demand_grid(spec)
    ready = preflight(spec, settings)
    catalog = catalog_if_any(settings)
    subjects, facts, files = [], [], []
    for subject in spec.subjects:
        try:
            prepared = prepare(subject, settings, stored_subject(subject.name, settings))
        except SubjectRefused as error:
            subjects.append(SubjectPreview(subject.name, None, False, str(error)))
            continue
        facts.append(prepared.facts)
        files.append((prepared.facts, prepared.warnings))
        subjects.append(
            SubjectPreview(subject.name, prepared.mask.confidence, prepared.mask.doubtful, None, prepared.warnings)
        )
    cells = plan_cells(spec, facts, ready.drawing)
    warnings = warnings_of(spec, files, ready.drawing, profile_of(settings, spec.profile))
    states = {} if catalog is None else _states(catalog, cells)
    return Preview(tuple(subjects), tuple(cells), states, tuple(warnings))


def _states(catalog: Catalog, cells: list[PlannedCell]) -> dict[str, CellState]:
    states: dict[str, CellState] = {}
    with catalog.read() as s:
        for cell in cells:
            try:
                states[cell.digest] = views.cell(s, cell.digest).state
            except NotInCatalog:
                continue
    return states
