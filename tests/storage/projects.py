"""Pictures of projects, without bytes."""

from collections.abc import Sequence
from hashlib import sha256
from typing import Any

from sqlalchemy.orm import Session

from storage.catalog import writes
from storage.catalog.records import CellRecord


def add_pictures(s: Session, project_id: int | None, subject: str, prompts: Sequence[str], *, run: str = "") -> str:
    """One picture for each of `prompts`, of a subject and in a run of a project; return the run's id."""
    image = blob(s, f"reference of {subject}")
    profile = writes.add_profile(s, name="pocket", weights_digest="w", licence="Apache-2.0")
    subject_id = writes.add_subject(s, name=subject, class_word="bear", style="natural")
    fields: dict[str, Any] = {"width": 64, "height": 64, "source": "test", "caption": None}
    reference = writes.add_reference(s, subject_id=subject_id, image_sha256=image, **fields)
    writes.own_new_subject(s, subject_id, project_id)
    run_id = writes.start_run(s, name=run or f"run of {subject}", spec={}, flow_run_id=None, project_id=project_id)
    digests = [sha256(one.encode()).hexdigest() for one in prompts]
    of: dict[str, Any] = {"subject_id": subject_id, "reference_id": reference, "mask_id": None, "profile_id": profile}
    cells = [
        CellRecord(digest=digest, prompt=f"prompt {one}", pose=None, seed=1, settings={}, **of)
        for one, digest in zip(prompts, digests, strict=True)
    ]
    new = writes.plan_cells(s, run_id, cells).new
    writes.claim_cells(s, list(new), "me:1:x", 600)
    for digest in new:
        picture = blob(s, f"picture {digest}")
        writes.finish_cell(s, digest, owner="me:1:x", image_sha256=picture, width=64, height=64, run_id=run_id)
    return run_id


def blob(s: Session, text: str) -> str:
    digest = sha256(text.encode()).hexdigest()
    writes.record_blob(s, sha256=digest, size=1, content_type="image/png")
    return digest
