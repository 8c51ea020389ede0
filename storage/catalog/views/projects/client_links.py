"""Links for clients: who made which, what each shows, and how often it was opened."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import Row, Select, select
from sqlalchemy.orm import Session

from storage.catalog.database.base import now
from storage.catalog.database.sql import chunks
from storage.catalog.narrowing import everything
from storage.catalog.schema import Cell, ClientLink, Output, Project, Run, RunCell
from storage.catalog.views.projects.projects import ProjectView, projects

MOST = 200  # links of a list


@dataclass(frozen=True)
class LinkView:
    """A link without its secret. `output_ids`: what was chosen; `protected`: it asks for a password.

    `open`: it is neither revoked nor expired. The rest as in the schema.
    """

    id: int
    project: str | None
    title: str
    mark: str
    output_ids: Sequence[int]
    protected: bool
    creator: str
    created_at: datetime
    expires_at: datetime
    revoked_at: datetime | None
    revoked_by: str | None
    opened: int
    opened_at: datetime | None

    @property
    def open(self) -> bool:
        """Return whether the link can be opened now."""
        return self.revoked_at is None and self.expires_at > now()


@dataclass(frozen=True)
class LinkPicture:
    """A picture that a link shows: an approved output."""

    output_id: int
    image_sha256: str
    width: int
    height: int


def client_links(s: Session, limit: int = MOST) -> list[LinkView]:
    """List the newest links."""
    return [_link(row) for row in s.execute(_rows().order_by(ClientLink.id.desc()).limit(limit))]


def client_link(s: Session, token_sha256: str) -> tuple[LinkView, str | None] | None:
    """Return the link of a secret, by its digest, and the hash of its password, if it has one.

    None if there is none, or if it is revoked or has expired.
    """
    row = s.execute(_rows().where(ClientLink.token_sha256 == token_sha256)).first()
    found = None if row is None else _link(row)
    if row is None or found is None or not found.open:
        return None
    return found, row[0].password


def _rows() -> Select[*tuple[Any, ...]]:
    return select(ClientLink, Project.name).outerjoin(Project, Project.id == ClientLink.project_id)


def _link(row: Row[*tuple[Any, ...]]) -> LinkView:
    one, project = row
    return LinkView(
        id=one.id,
        project=project,
        title=one.title,
        mark=one.mark,
        output_ids=one.outputs["ids"],
        protected=one.password is not None,
        creator=one.creator,
        created_at=one.created_at,
        expires_at=one.expires_at,
        revoked_at=one.revoked_at,
        revoked_by=one.revoked_by,
        opened=one.opened,
        opened_at=one.opened_at,
    )


def approved_pictures(s: Session, output_ids: Sequence[int]) -> list[LinkPicture]:
    """Return those of the outputs that are approved and generated, in their order."""
    found: dict[int, LinkPicture] = {}
    fields = (Output.id.label("output_id"), Output.image_sha256, Output.width, Output.height)
    rows = select(*fields).join(Cell, Cell.id == Output.cell_id)
    rows = rows.where(Output.decision == "approved", Cell.state == "generated")
    for part in chunks(output_ids):
        found |= {row.output_id: LinkPicture(**row._mapping) for row in s.execute(rows.where(Output.id.in_(part)))}
    return [found[one] for one in dict.fromkeys(output_ids) if one in found]


def approved_of_project(s: Session, project_id: int, limit: int) -> list[int]:
    """List the newest approved outputs of a project's runs."""
    asked = select(RunCell.cell_id).join(Run, Run.id == RunCell.run_id)
    asked = asked.where(RunCell.cell_id == Output.cell_id, Run.project_id == project_id)
    rows = select(Output.id).where(Output.decision == "approved", asked.exists())
    return list(s.scalars(rows.order_by(Output.id.desc()).limit(limit)))


def projects_of_outputs(s: Session, output_ids: Sequence[int]) -> dict[int, list[ProjectView]]:
    """Return the projects of the runs that requested each output, omitting outputs of no project."""
    by_id, found = {one.id: one for one in projects(s)}, dict[int, set[int]]()
    rows = select(Output.id, Run.project_id).join(RunCell, RunCell.cell_id == Output.cell_id)
    rows = rows.join(Run, Run.id == RunCell.run_id).where(Run.project_id.in_(by_id))
    for part in chunks(output_ids) if by_id else ():
        for output_id, project_id in s.execute(rows.where(Output.id.in_(part))):
            found.setdefault(output_id, set()).update(one for one in by_id if one == project_id)
    return {output_id: [by_id[one] for one in sorted(ids)] for output_id, ids in found.items()}


@dataclass(frozen=True)
class ProjectPurpose:
    """What a project says its images are for; None if it states nothing. `name`: None if the viewer does not see it."""

    name: str | None
    purpose: str | None


def purposes_of_outputs(s: Session, output_ids: Sequence[int]) -> dict[int, list[ProjectPurpose]]:
    """Return what the projects of the runs that requested each output say it is for, omitting outputs of no project.

    Projects that the viewer does not see count too, for licences alone: they are not named.
    """
    seen = {one.id for one in projects(s)}
    with everything(s):
        found = projects_of_outputs(s, output_ids)
    return {
        output_id: [ProjectPurpose(one.name if one.id in seen else None, one.purpose) for one in ones]
        for output_id, ones in found.items()
    }
