"""Fine-tuning jobs: inputs, progress and checkpoint."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from sqlalchemy import select
from sqlalchemy.orm import Session

from storage.catalog.database.sql import as_records
from storage.catalog.records import NotInCatalogError
from storage.catalog.schema import Checkpoint, Mask, Profile, Reference, Subject, Training
from storage.catalog.views.output_subjects import trained_for


@dataclass(frozen=True)
class TrainingView:
    """A fine-tuning with its inputs, blobs by SHA-256. `checkpoint_id` is None until it is done."""

    digest: str
    subject_name: str
    reference_sha256: str
    mask_sha256: str | None
    profile: str
    weights_digest: str
    recipe: Mapping[str, Any]
    step: int
    resume_sha256: str | None
    owner: str | None
    error: str | None
    checkpoint_id: int | None
    weights_sha256: str | None


def training(s: Session, digest: str) -> TrainingView:
    """Return the fine-tuning whose recipe has this SHA-256. Raises NotInCatalogError if it was never requested."""
    found = s.execute(_trainings().where(Training.digest == digest)).first()
    if found is None:
        raise NotInCatalogError(f"training {digest!r} is not in the catalog; `dreamtuner finetune` requests one")
    return TrainingView(**found._mapping)


def trainings_of(s: Session, subject_name: str) -> list[TrainingView]:
    """List the subject's finished fine-tunings, newest first, including those under another of its names."""
    subject_id = select(Subject.id).where(Subject.name == subject_name).scalar_subquery()
    done = _trainings().where(trained_for(subject_id), Training.checkpoint_id.is_not(None))
    return as_records(TrainingView, s.execute(done.order_by(Checkpoint.created_at.desc(), Checkpoint.id.desc())))


def _trainings() -> Any:
    columns = (Training.digest, Subject.name.label("subject_name"), Reference.image_sha256.label("reference_sha256"))
    return (
        select(*columns, Mask.mask_sha256, Profile.name.label("profile"), Profile.weights_digest, Training.recipe)
        .add_columns(Training.step, Training.resume_sha256)
        .add_columns(Training.owner, Training.error, Training.checkpoint_id, Checkpoint.weights_sha256)
        .join(Reference, Reference.id == Training.reference_id)
        .join(Subject, Subject.id == Reference.subject_id)
        .outerjoin(Mask, Mask.id == Training.mask_id)
        .join(Profile, Profile.id == Training.profile_id)
        .outerjoin(Checkpoint, Checkpoint.id == Training.checkpoint_id)
    )
