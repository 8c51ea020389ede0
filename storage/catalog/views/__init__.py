"""Reads for people and flows: functions of a session from `Catalog.read()` that hand back frozen records."""

from storage.catalog.views.cells import cell, cells, cells_of_run, unscored
from storage.catalog.views.history import Event, ReviewView, history, reviews_of
from storage.catalog.views.pages import CellRow, OutputRow, Page, cells_page, outputs_page, place, run_page
from storage.catalog.views.subjects import subject_assets
from storage.catalog.views.summary import crashed_flow_runs, recent_runs, status

__all__ = [
    "CellRow",
    "Event",
    "OutputRow",
    "Page",
    "ReviewView",
    "cell",
    "cells",
    "cells_of_run",
    "cells_page",
    "crashed_flow_runs",
    "history",
    "outputs_page",
    "place",
    "recent_runs",
    "reviews_of",
    "run_page",
    "status",
    "subject_assets",
    "unscored",
]
