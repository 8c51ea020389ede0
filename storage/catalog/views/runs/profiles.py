"""Which weights a profile's cells were planned with: other weights are another row of the same name."""

from collections.abc import Mapping
from dataclasses import dataclass

from sqlalchemy import case, func, select
from sqlalchemy.orm import Session

from storage.catalog.schema import Cell, Profile, Run, RunCell


@dataclass(frozen=True)
class ProfileUse:
    """One state of a profile's weights; `cells`: planned with it, `images`: those of them that are generated.

    `parts`: the digest of each part, where it was recorded.
    """

    weights_digest: str
    licence: str | None
    parts: Mapping[str, str] | None
    cells: int
    images: int


def profile_uses(s: Session, name: str) -> list[ProfileUse]:
    """Return the states of a profile's weights that the catalog knows, the earliest first."""
    images = func.sum(case((Cell.state == "generated", 1), else_=0))
    rows = select(Profile.weights_digest, Profile.licence, Profile.parts, func.count(Cell.id), images)
    rows = rows.outerjoin(Cell, Cell.profile_id == Profile.id).where(Profile.name == name)
    return [
        ProfileUse(digest, licence, parts, cells, made or 0)
        for digest, licence, parts, cells, made in s.execute(rows.group_by(Profile.id).order_by(Profile.id))
    ]


def weights_of_spec(s: Session, name: str, profile: str) -> ProfileUse | None:
    """Return the weights that the newest run of a spec of this name had its cells planned with.

    `cells` and `images` count those of that run. None if the spec never planned cells with this profile.
    """
    images = func.sum(case((Cell.state == "generated", 1), else_=0))
    rows = (
        select(Profile.weights_digest, Profile.licence, Profile.parts, func.count(Cell.id), images)
        .join(Cell, Cell.profile_id == Profile.id)
        .join(RunCell, RunCell.cell_id == Cell.id)
        .join(Run, Run.id == RunCell.run_id)
        .where(Run.name == name, Profile.name == profile)
        .group_by(Run.id, Profile.id)
        .order_by(Run.started_at.desc(), Run.id.desc(), Profile.id.desc())
        .limit(1)
    )
    found = s.execute(rows).first()
    if found is None:
        return None
    digest, licence, parts, cells, made = found
    return ProfileUse(digest, licence, parts, cells, made or 0)
