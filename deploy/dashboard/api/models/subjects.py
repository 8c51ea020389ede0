"""Uploads and subjects."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated

from pydantic import Field

from deploy.dashboard.api.models.base import Answered, Sent

Sha256 = Annotated[str, Field(pattern="^[0-9a-f]{64}$", description="SHA-256 of the bytes, 64 hex digits")]


class Upload(Answered):
    """An uploaded image. It is kept until `expires_at`; a subject made of it keeps it for good."""

    sha256: str
    content_type: str
    size: Annotated[int, Field(description="bytes")]
    width: Annotated[int, Field(description="pixels")]
    height: Annotated[int, Field(description="pixels")]
    created_at: datetime
    expires_at: datetime


class NewSubject(Sent):
    """A subject of uploaded images. The same one again is the same subject."""

    name: Annotated[str, Field(min_length=1, max_length=80)]
    class_word: Annotated[str, Field(max_length=80, description="a plain noun such as bear or teddy bear")]
    style: Annotated[str, Field(max_length=40, description="natural for photographs, anime for drawings")] = "natural"
    reference: Sha256
    mask: Sha256 | None = None
    further: list[Sha256] = Field(default_factory=list, max_length=8, description="further references, in order")
    weight: Annotated[float, Field(gt=0, allow_inf_nan=False, description="of each further reference")] = 1.0
    caption: Annotated[str, Field(max_length=2000)] | None = None
    project: Annotated[str, Field(max_length=80, description="of a new subject; empty: everybody's")] = ""
    replace: Annotated[bool, Field(description="replace what the subject of this name has now")] = False


class SubjectRow(Answered):
    """A subject in a list."""

    id: int
    name: str
    class_word: str
    style: str
    reference_sha256: str | None


class Reference(Answered):
    """A reference of a subject. `place`: its number among those in use, from 0; null: an earlier one."""

    id: int
    sha256: str
    width: Annotated[int, Field(description="pixels")]
    height: Annotated[int, Field(description="pixels")]
    caption: str | None
    place: int | None


class Subject(Answered):
    """A subject with its references."""

    id: int
    name: str
    class_word: str
    style: str
    references: list[Reference]
