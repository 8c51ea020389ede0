"""How long images, fine-tunings and scores of a profile took lately, by class of device."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from storage.catalog.records import WorkKind
from storage.catalog.schema import Cell, Profile, Run, RunCell, Training, WorkSession

NEWEST_RUNS, NEWEST_CELLS, NEWEST_TRAININGS = 20, 200, 20


@dataclass(frozen=True)
class Took:
    """One image or fine-tuning: the seconds that it took on a device of this class, and the settings it had.

    `settings`: of an image the recipe's `sampling`, of a fine-tuning its `finetune`.
    """

    device: str
    device_seconds: float
    settings: Mapping[str, Any]


@dataclass(frozen=True)
class Overhead:
    """Work of one kind by the newest runs, on one class of devices. `load_seconds`: models loaded, per process."""

    kind: WorkKind
    device: str
    seconds_per_item: float
    load_seconds: float


@dataclass(frozen=True)
class Speeds:
    """What a profile's newest images and fine-tunings took, the newest first, and the overheads of its newest runs.

    `controlnets`: the weights digests of the ControlNets that those images used, by kind of control image.
    """

    images: Sequence[Took] = ()
    trainings: Sequence[Took] = ()
    overheads: Sequence[Overhead] = ()
    controlnets: Mapping[str, str] = field(default_factory=dict)


def speeds(s: Session, profile: str) -> Speeds:
    """Return what was measured of a profile: in its newest runs, and in its newest fine-tunings."""
    named = Run.spec["profile"].as_string() == profile
    runs = s.scalars(
        select(Run.id).where(named).order_by(Run.started_at.desc(), Run.id.desc()).limit(NEWEST_RUNS)
    ).all()
    images: list[Took] = []
    controlnets: dict[str, str] = {}
    for run in runs:
        rows = select(Cell.device, Cell.device_seconds, Cell.settings).join(RunCell, RunCell.cell_id == Cell.id)
        rows = rows.where(RunCell.run_id == run, Cell.device_seconds > 0, Cell.state == "generated")
        found = s.execute(rows.limit(NEWEST_CELLS - len(images)))
        for device, seconds, settings in found:
            images.append(Took(device or "cpu", seconds, settings.get("sampling") or {}))
            controlnets = (settings.get("controlnets") or {}) | controlnets
        if len(images) >= NEWEST_CELLS:
            break
    return Speeds(images, _trainings(s, profile), _overheads(s, runs), controlnets)


def _trainings(s: Session, profile: str) -> list[Took]:
    rows = select(Training.device, Training.device_seconds, Training.recipe)
    rows = rows.join(Profile, Profile.id == Training.profile_id).where(Profile.name == profile)
    rows = rows.where(Training.checkpoint_id.is_not(None), Training.device_seconds > 0)
    found = s.execute(rows.order_by(Training.created_at.desc()).limit(NEWEST_TRAININGS))
    return [Took(device, seconds, recipe["finetune"]) for device, seconds, recipe in found if device]


def _overheads(s: Session, runs: Sequence[str]) -> list[Overhead]:
    work = WorkSession
    sums = (func.sum(work.device_seconds), func.sum(work.items), func.sum(work.model_load_seconds), func.count())
    rows = select(work.kind, work.device, *sums).where(work.run_id.in_(runs), work.items > 0)
    return [
        Overhead(kind, device, max(0.0, seconds - loading) / items, loading / sessions)
        for kind, device, seconds, items, loading, sessions in s.execute(rows.group_by(work.kind, work.device))
    ]
