"""Projects, their people, and what they spent in each month.

A subject or run without a project belongs to everybody, as everything does in a catalog without projects. Projects are
never deleted, so their ids need no foreign keys in the tables that name them.
"""

from datetime import datetime

from sqlalchemy import CheckConstraint, ForeignKey, Index, String
from sqlalchemy.orm import Mapped, mapped_column

from storage.catalog.database.base import Base, now, one_of
from storage.catalog.records import ROLES, Role


class Project(Base):
    """A project. `purpose`: what its images are for, in the words of DREAMTUNER_PURPOSE; None: not stated.

    `quota`: device-seconds that its runs may take in a calendar month in UTC; None: without a limit.
    """

    __tablename__ = "projects"
    __table_args__ = (CheckConstraint("quota >= 0", name="quota"),)
    id: Mapped[int] = mapped_column(primary_key=True)
    name: Mapped[str] = mapped_column(unique=True)
    purpose: Mapped[str | None]
    quota: Mapped[float | None]
    creator: Mapped[str]
    created_at: Mapped[datetime] = mapped_column(default=now)


class ProjectMember(Base):
    """A person of a project. Their role in it is the lower one of `role` and of the account's."""

    __tablename__ = "project_members"
    __table_args__ = (CheckConstraint(one_of("role", ROLES), name="role"), Index(None, "user_id"))
    project_id: Mapped[int] = mapped_column(ForeignKey("projects.id"), primary_key=True)
    user_id: Mapped[int] = mapped_column(ForeignKey("users.id"), primary_key=True)
    role: Mapped[Role] = mapped_column(String)
    added_at: Mapped[datetime] = mapped_column(default=now)


class ProjectMonth(Base):
    """The device-seconds that runs of a project took in a month in UTC, such as "2026-11"; also of forgotten runs."""

    __tablename__ = "project_months"
    project_id: Mapped[int] = mapped_column(ForeignKey("projects.id"), primary_key=True)
    month: Mapped[str] = mapped_column(primary_key=True)
    device_seconds: Mapped[float]
