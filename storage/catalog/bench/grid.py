"""A planned run of any size, for workers to generate."""

from collections.abc import Callable
from hashlib import sha256
from typing import Any

from storage.catalog import Catalog, writes
from storage.catalog.records import CellRecord

STEP = 10_000  # cells in one transaction


def plan_grid(
    catalog: Catalog, name: str, cells: int, *, per_subject: int, on_progress: Callable[[int], None] = lambda done: None
) -> str:
    """Plan a run of `cells` cells, `per_subject` of each subject, and return its id. `on_progress`: cells planned."""
    with catalog.write() as s:
        run_id = writes.start_run(s, name=name, spec={}, flow_run_id=None)
        profile = writes.add_profile(s, name="bench", weights_digest="0" * 64)
    for first in range(0, cells, STEP):
        last = min(first + STEP, cells)
        with catalog.write() as s:
            subjects = {
                i: _subject(s, f"{name} {i}") for i in range(first // per_subject, (last - 1) // per_subject + 1)
            }
            records = []
            for i in range(first, last):
                subject, reference = subjects[i // per_subject]
                fields: dict[str, Any] = {"subject_id": subject, "reference_id": reference, "mask_id": None}
                fields |= {"profile_id": profile, "pose": None, "settings": {"caption": "a bear"}}
                digest = sha256(f"{name} {i}".encode()).hexdigest()
                records.append(CellRecord(digest=digest, prompt="a bear on the beach", seed=i % 20, **fields))
            writes.plan_cells(s, run_id, records)
        on_progress(last)
    return run_id


def _subject(s: Any, name: str) -> tuple[int, int]:
    """Return the ids of the subject and of its reference; both are added on first use."""
    image = sha256(name.encode()).hexdigest()
    writes.record_blob(s, sha256=image, size=1, content_type="image/png")
    subject = writes.add_subject(s, name=name, class_word="bear", style="natural")
    return subject, writes.add_reference(
        s, subject_id=subject, image_sha256=image, width=64, height=64, source="bench", caption=None
    )
