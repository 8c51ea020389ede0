"""Renders the contact sheet of a run, and stores it in the run's folder and in the object store."""

from collections.abc import Iterator, Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path, PurePosixPath
from typing import NamedTuple

from PIL import Image

from dreamtuner.models.layouts import Kind
from dreamtuner.rendering.contact_sheet import SheetBlock, SheetCell, SheetReference, SheetRow, contact_sheet
from flows.image_io import PNG, open_output, open_picture, open_reference, png_bytes
from flows.ingestion.facts import Facts
from flows.ingestion.layouts import GridLayouts
from flows.ingestion.sources import shown
from flows.ingestion.store_subject import Ingested, IngestResult
from flows.planning.cells import PlannedCell, canonical
from flows.progress import report_progress
from flows.reporting.run_folder import run_folder, write_whole
from flows.reporting.summary import SubjectSummary, together
from flows.resources import Resources
from flows.spec.model import Spec
from flows.spec.subject import SubjectSpec
from storage.catalog import writes
from storage.catalog.records import CellView, RunWarning
from storage.ingest import storing
from storage.lost import read_picture
from storage.objects import ObjectStore, StoreError, get_blob

MAX_SUBJECTS, MAX_ROWS, MAX_SEEDS = 12, 12, 8
"""The limits of one sheet, about 45 megapixels; a footnote counts the rest."""

Cells = Mapping[str, CellView]


def render_sheet(
    spec: Spec,
    resources: Resources,
    run_id: str,
    ingested: IngestResult,
    planned: Sequence[PlannedCell],
    cells: Cells,
    layouts: GridLayouts,
    subjects: Sequence[SubjectSummary],
    warnings: Sequence[RunWarning] = (),
) -> Image.Image:
    """Render the run on one sheet, including failed subjects and cells."""
    rows = {one.facts.name: one for one in ingested.ingested}
    listed = spec.subjects[:MAX_SUBJECTS]
    blocks = []
    for i, subject in enumerate(listed):
        report_progress("sheet", i, len(listed), subject.name)
        if subject.name in rows:
            ours = [cell for cell in planned if cell.names == (subject.name,)]
            if ours or not spec.scenes:
                blocks.append(_block(spec, [rows[subject.name]], ours, cells, layouts, warnings, resources))
        else:
            blocks.append(SheetBlock(subject.name, _detail(subject), error=ingested.refused[subject.name]))
    casts = [names for names in dict.fromkeys(scene.names for scene in spec.scenes) if len(names) > 1]
    for names in casts[:MAX_SUBJECTS]:
        if rows.keys() >= {*names}:
            ours = [cell for cell in planned if cell.names == names]
            blocks.append(_block(spec, [rows[name] for name in names], ours, cells, layouts, warnings, resources))
    report_progress("sheet", len(listed), len(listed))
    made, skipped, failed = (sum(getattr(one, what) for one in subjects) for what in ("made", "skipped", "failed"))
    total = made + skipped + failed
    words = [
        f"profile {spec.profile}",
        f"{total} {'cell' if total == 1 else 'cells'}: {made} made, {skipped} skipped, {failed} failed",
        datetime.now(UTC).strftime("%Y-%m-%d %H:%M UTC"),
        f"run {run_id[:8]}",
    ]
    if len(listed) < len(spec.subjects):
        words.append(f"the first {len(listed)} of {len(spec.subjects)} subjects")
    of_all = [f"{one.place}: {one.message}" for one in warnings if one.subject is None]
    return contact_sheet(spec.name, "  ·  ".join(words), blocks, of_all)


def store_sheet(sheet: Image.Image, resources: Resources, run_id: str, key: str | None = None) -> Path:
    """Store the sheet, also as home/runs/<run id>/contact_sheet.png; return that path. `key`: from `sheet_key`."""
    data = png_bytes(sheet)
    with storing(resources.catalog, resources.store, (data, PNG)) as (s, [sha256]):
        writes.set_sheet(s, run_id, sha256, key)
    path = run_folder(resources.settings, run_id) / "contact_sheet.png"
    write_whole(path, lambda partial: partial.write_bytes(data))
    return path


def _detail(subject: SubjectSpec | Facts) -> str:
    return "  ·  ".join(word for word in (subject.class_word, subject.style) if word)


class _Row(NamedTuple):
    """What the images of a row have in common. `scene`: of all its subjects, as JSON; scenes may share a prompt."""

    prompt: str
    images: tuple[tuple[Kind, str], ...]
    scene: str


def _row(cell: PlannedCell) -> _Row:
    prompt, images, _ = cell.place
    return _Row(prompt, images, canonical(cell.recipe.get("scene", {})))


def _block(
    spec: Spec,
    subjects: Sequence[Ingested],
    ours: Sequence[PlannedCell],
    cells: Cells,
    layouts: GridLayouts,
    warnings: Sequence[RunWarning],
    resources: Resources,
) -> SheetBlock:
    """Return the block of a subject, or of a scene's subjects, whose references stand one after the other."""
    store, first = resources.store, subjects[0]
    subject_names = [one.facts.name for one in subjects]
    seeds = spec.seeds[:MAX_SEEDS]
    rows = list(dict.fromkeys(_row(cell) for cell in ours))
    placed = {(_row(cell), cell.seed): cells[cell.digest] for cell in ours}
    names = layout_names(layouts)
    own_warnings = [one for one in warnings if one.subject in subject_names]
    more = [
        f"{len(every) - len(shown)} more {what}"
        for what, every, shown in (("rows", rows, rows[:MAX_ROWS]), ("seeds", spec.seeds, seeds))
        if len(shown) < len(every)
    ]
    return SheetBlock(
        name=together(subject_names),
        detail=" + ".join(dict.fromkeys(_detail(one.facts) for one in subjects)),
        reference=open_reference(get_blob(store, first.facts.reference_sha256)),
        mask=open_picture(get_blob(store, first.facts.mask_sha256), "L"),
        confidence=first.confidence,
        doubtful=first.doubtful,
        columns=[f"seed {seed}" for seed in seeds],
        rows=[
            SheetRow(
                row.prompt,
                [_cell(placed[row, seed], resources) for seed in seeds],
                [(names[sha], open_reference(get_blob(store, sha))) for _, sha in row.images],
                [one.message for one in own_warnings if one.prompt == row.prompt],
            )
            for row in rows[:MAX_ROWS]
        ],
        footnote=f"and {', '.join(more)}" if more else None,
        warnings=[f"{one.place}: {one.message}" for one in own_warnings if one.prompt is None],
        weight=first.facts.weight,
        further=[_reference(one, store) for one in (*first.further, *_others(subjects[1:]))],
    )


def _others(subjects: Sequence[Ingested]) -> Iterator[Ingested]:
    """Yield all references of a scene's further subjects."""
    for one in subjects:
        yield one
        yield from one.further


def _reference(one: Ingested, store: ObjectStore) -> SheetReference:
    return SheetReference(
        open_reference(get_blob(store, one.facts.reference_sha256)),
        open_picture(get_blob(store, one.facts.mask_sha256), "L"),
        one.facts.weight,
        one.doubtful,
    )


def layout_names(layouts: GridLayouts) -> dict[str, str]:
    """Map the SHA-256 of each control image to its file name."""
    files = (one for ones in layouts.values() for one in ones if one is not None)
    return {one.sha256: PurePosixPath(shown(one.source)).stem for one in files}


def _cell(cell: CellView, resources: Resources) -> SheetCell:
    if cell.image_sha256 is None:
        return SheetCell(None, reason=cell.error)
    try:
        return SheetCell(open_output(read_picture(resources.catalog, resources.store, cell.image_sha256)), cell.scores)
    except StoreError as error:
        return SheetCell(None, reason=f"lost: {error}")
