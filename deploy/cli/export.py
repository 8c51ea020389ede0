"""Exports images of the catalog to a folder or file that appears only once it is complete."""

from __future__ import annotations

import json
import os
import shutil
import uuid
from collections.abc import Callable, Iterator, Sequence
from dataclasses import asdict, dataclass
from functools import partial
from itertools import product
from pathlib import Path
from typing import Any, TypeVar

from deploy.cli.options import actor
from deploy.dashboard.exports.formats import ExportFormat, format_of
from deploy.dashboard.exports.lineage import demand_purposes
from deploy.dashboard.exports.manifest import FILE_MODE, FOLDER_MODE, files
from deploy.dashboard.exports.options import MANIFESTS, ExportOptions
from deploy.marks.marker import Marker
from flows.resources import Resources
from flows.settings import Settings
from flows.spec.problems import InputError, Problem
from storage.catalog import Catalog, views, writes
from storage.catalog.records import CatalogError, NotInCatalogError
from storage.catalog.views import Filter, OutputDetail, ReviewedBy

T = TypeVar("T")
PART = 300  # outputs whose details are read per query
Parts = Iterator[tuple[str, bytes]]


@dataclass(frozen=True)
class Exported:
    """The result of an export: `folders` in `out`, one per subject by default, and why images are `missing`.

    `marked`: whether the images carry their marks, see docs/how-to/marks.md.
    """

    out: str
    pictures: int
    folders: Sequence[str]
    missing: Sequence[str]
    marked: bool

    def as_json(self) -> dict[str, Any]:
        """Return the line that `export --json` prints."""
        return asdict(self)


def export(
    settings: Settings,
    out: Path,
    *,
    subjects: Sequence[str],
    runs: Sequence[str],
    approved: bool,
    options: ExportOptions,
) -> Exported:
    """Write the generated images of these subjects and runs (default: all) to `out`, named and encoded by `options`.

    Raises InputError for an unknown subject or run and for an existing `out`, CatalogError if there is nothing to
    export, MarksError and KeysError if images cannot be marked.
    """
    catalog = Resources.open(settings).catalog_if_any
    if catalog is None:
        raise CatalogError(f"there is no catalog in {settings.home}; set DREAMTUNER_HOME to the folder of one")
    packed_as = format_of(out.name)
    _check_free(out, packed_as)
    with catalog.read() as s:
        subject_ids = [_found("--subject", partial(views.subject_id, s, one)) for one in dict.fromkeys(subjects)]
        run_ids = [run_id for one in runs for run_id in _found("--run", partial(views.run_ids, s, one))]
    ids = _ids(catalog, subject_ids, run_ids, approved)
    if not ids:
        which = "approved image" if approved else "image"
        raise CatalogError(f"no {which} of these subjects and runs is in the catalog; `dreamtuner status` counts them")
    whose = set(subject_ids) or None
    with catalog.read() as s:
        metrics = views.metric_licences(s)
        projects = views.purposes_of_outputs(s, ids)
    demand_purposes((one for one, _ in _details(catalog, ids)), projects, metrics)
    marker = Marker.open(settings.home)
    marker.prepare()
    if not marker.settings.on:
        after = {"to": str(out), "pictures": len(ids), "metadata": options.metadata, "marked": False}
        with catalog.write() as s:
            writes.record_audit(s, actor=actor(), action="export", entity="export", entity_id=out.name, after=after)
    parts = files(Resources.open(settings).store, _details(catalog, ids), marker, metrics, options, subject_ids=whose)
    written = _Written()
    aside = out.with_name(f".{out.name}.{uuid.uuid4().hex}.partial")
    out.parent.mkdir(parents=True, exist_ok=True)
    try:
        if packed_as is None:
            _folder(aside, written.watched(parts))
        else:
            _file(aside, packed_as, written.watched(parts))
        os.rename(aside, out)
    finally:
        if aside.is_dir():
            shutil.rmtree(aside, ignore_errors=True)
        aside.unlink(missing_ok=True)
    return Exported(str(out), written.pictures, sorted(written.folders), written.missing, marker.settings.on)


def _found(option: str, look: Callable[[], T]) -> T:
    try:
        return look()
    except NotInCatalogError as error:
        raise InputError("export", [Problem(path=(option,), message=str(error))]) from error


def _check_free(out: Path, packed_as: ExportFormat | None) -> None:
    taken = out.exists() and (packed_as is not None or not out.is_dir() or any(out.iterdir()))
    if taken:
        message = f"{out} exists and is not an empty folder; name another one, or remove it"
        raise InputError("export", [Problem(path=("OUT",), message=message)])


def _ids(catalog: Catalog, subject_ids: Sequence[int], run_ids: Sequence[str], approved: bool) -> list[int]:
    """Return the output ids of the subjects in the runs, in the order in which they were generated."""
    found: set[int] = set()
    whose: Sequence[int | None] = subject_ids or [None]
    of: Sequence[str | None] = run_ids or [None]
    for subject_id, run_id in product(whose, of):
        wanted = Filter(subject_id=subject_id, run_id=run_id, decision="approved" if approved else None)
        after: str | None = None
        while True:
            with catalog.read() as s:
                page = views.gallery_page(s, wanted, after=after, limit=PART)
            found |= {row.output_id for row in page.rows}
            after = page.next
            if after is None:
                break
    return sorted(found)


def _details(catalog: Catalog, ids: Sequence[int]) -> Iterator[tuple[OutputDetail, ReviewedBy | None]]:
    for first in range(0, len(ids), PART):
        with catalog.read() as s:
            found = views.outputs(s, ids[first : first + PART], licences=True)
            reviewed = views.reviewed_by(s, ids[first : first + PART])
        yield from ((one, reviewed.get(one.output_id)) for one in found)


class _Written:
    """Counts the images that pass into the export."""

    def __init__(self) -> None:
        self.pictures, self.folders = 0, set[str]()
        self.missing: list[str] = []

    def watched(self, parts: Parts) -> Parts:
        """Yield the parts unchanged and count them."""
        for name, data in parts:
            folder, within, _ = name.rpartition("/")
            if name not in MANIFESTS and not name.endswith(".txt"):  # captions count with their pictures
                self.pictures += 1
                self.folders |= {folder} if within else set()
            elif name == MANIFESTS[0]:
                lines = map(json.loads, data.splitlines())
                self.missing = [f"output {one['output_id']}: {one['error']}" for one in lines if "error" in one]
            yield name, data


def _file(path: Path, packed_as: ExportFormat, parts: Parts) -> None:
    with path.open("xb") as file:
        for piece in packed_as.pack(parts):
            file.write(piece)
    path.chmod(FILE_MODE)


def _folder(path: Path, parts: Parts) -> None:
    path.mkdir()
    for name, data in parts:
        place = path / name
        place.parent.mkdir(parents=True, exist_ok=True)
        place.write_bytes(data)
    readable(path)


def readable(folder: Path) -> None:
    """Make the folder and its contents world-readable, whatever the umask."""
    for one in (folder, *folder.rglob("*")):
        one.chmod(FOLDER_MODE if one.is_dir() else FILE_MODE)
