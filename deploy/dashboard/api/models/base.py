"""What all models have in common."""

from __future__ import annotations

from pydantic import BaseModel, ConfigDict


class Sent(BaseModel):
    """A body of a request: unknown fields are refused."""

    model_config = ConfigDict(extra="forbid")


class Answered(BaseModel):
    """A part of an answer, made from the catalog's records."""

    model_config = ConfigDict(from_attributes=True)
