"""Reuses the contact sheet of an earlier run that shows the same, instead of rendering it again."""

import shutil
from collections.abc import Mapping, Sequence
from pathlib import Path

from flows.ingestion.layouts import GridLayouts
from flows.ingestion.store_subject import IngestResult
from flows.planning.cells import PlannedCell, digest_of
from flows.reporting.contact_sheet import layout_names
from flows.reporting.run_folder import run_folder, write_whole
from flows.resources import Resources
from flows.spec.model import Spec
from storage.catalog import views, writes
from storage.catalog.records import CellView, RunWarning
from storage.objects import StoreError, get_blob

SHEET_VERSION = 1
"""Raise it when the sheet of an unchanged run would look different."""


def sheet_key(
    spec: Spec,
    ingested: IngestResult,
    planned: Sequence[PlannedCell],
    cells: Mapping[str, CellView],
    layouts: GridLayouts,
    warnings: Sequence[RunWarning],
) -> str:
    """Return the SHA-256 of everything a sheet shows, except the run's ID and time."""
    return digest_of(
        {
            "version": SHEET_VERSION,
            "spec": spec.model_dump(mode="json"),
            "subjects": [
                [one.facts.name, one.facts.reference_sha256, one.facts.mask_sha256, one.confidence, one.doubtful]
                for one in ingested.ingested
            ],
            "refused": ingested.refused,
            "layouts": layout_names(layouts),
            "warnings": [[one.subject, one.prompt, one.place, one.message] for one in warnings],
            "cells": [
                [cell.digest, row.image_sha256, row.state, row.error, dict(row.scores)]
                for cell in planned
                for row in (cells[cell.digest],)
            ],
        }
    )


def reuse_sheet(key: str, resources: Resources, run_id: str) -> Path | None:
    """Use the sheet of an earlier run with this key and return its path; None if there is none."""
    with resources.catalog.read() as s:
        found = views.sheet_of(s, key)
    if found is None:
        return None
    earlier, sha256 = found
    path, file = (run_folder(resources.settings, one) / "contact_sheet.png" for one in (run_id, earlier))
    try:
        if file.is_file():
            write_whole(path, lambda partial: shutil.copyfile(file, partial))
        else:  # it is from another machine
            data = get_blob(resources.store, sha256)
            write_whole(path, lambda partial: partial.write_bytes(data))
    except StoreError:
        return None
    with resources.catalog.write() as s:
        writes.set_sheet(s, run_id, sha256, key)
    return path
