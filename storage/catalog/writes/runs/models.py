"""Model profiles, and checkpoints that were fine-tuned from them."""

from collections.abc import Mapping
from typing import Any

from sqlalchemy import select
from sqlalchemy.orm import Session

from storage.catalog.database.sql import insert_into
from storage.catalog.records import NotInCatalogError
from storage.catalog.schema import Checkpoint, Profile, Reference
from storage.catalog.writes.blobs import require_blob
from storage.catalog.writes.ids import next_id
from storage.catalog.writes.lineage import record_event


def add_profile(
    s: Session, *, name: str, weights_digest: str, licence: str | None = None, parts: Mapping[str, str] | None = None
) -> int:
    """Add the model profile `name` with exactly these weights, or find it; return its id.

    `licence` is the weights' SPDX tag, `parts` the digest of each part's own weights; both are updated if passed.
    """
    news = {"licence": licence, "parts": None if parts is None else dict(parts)}
    news = {name: value for name, value in news.items() if value is not None}
    insert = insert_into(s, Profile).values(name=name, weights_digest=weights_digest, **news)
    keys = [Profile.name, Profile.weights_digest]
    if news:
        s.execute(insert.on_conflict_do_update(index_elements=keys, set_=news))
    else:
        s.execute(insert.on_conflict_do_nothing(index_elements=keys))
    return s.scalars(select(Profile.id).where(Profile.name == name, Profile.weights_digest == weights_digest)).one()


def add_checkpoint(
    s: Session,
    *,
    reference_id: int,
    mask_id: int | None,
    profile_id: int,
    weights_sha256: str,
    settings: Mapping[str, Any],
) -> int:
    """Add a checkpoint, the profile fine-tuned on the reference, with the blob `weights_sha256`; return its id.

    `settings` are the training settings as JSON values. The same weights give the same row.
    """
    require_blob(s, "weights_sha256", weights_sha256)
    subject_id = s.scalar(select(Reference.subject_id).where(Reference.id == reference_id))
    if subject_id is None:
        raise NotInCatalogError(f"reference_id {reference_id} is not in the catalog; add_reference(...) gives the id")
    row: dict[str, Any] = {"subject_id": subject_id, "reference_id": reference_id, "mask_id": mask_id}
    row |= {"profile_id": profile_id, "weights_sha256": weights_sha256, "settings": dict(settings)}
    row |= next_id(s, Checkpoint)
    keys = [Checkpoint.reference_id, Checkpoint.profile_id, Checkpoint.weights_sha256]
    entered = insert_into(s, Checkpoint).values(row).on_conflict_do_nothing(index_elements=keys)
    new = s.scalars(entered.returning(Checkpoint.id)).first()
    if new is not None:
        record_event(s, "checkpoint", new, "trained", reference_id=reference_id, profile_id=profile_id)
        return new
    same = select(Checkpoint.id).where(Checkpoint.reference_id == reference_id, Checkpoint.profile_id == profile_id)
    return s.scalars(same.where(Checkpoint.weights_sha256 == weights_sha256)).one()
