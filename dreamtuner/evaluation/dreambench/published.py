"""The rows that papers published, read from published.yaml: numbers, sources, and how their protocols differ."""

from __future__ import annotations

from collections.abc import Sequence
from functools import cache
from pathlib import Path

import yaml
from pydantic import BaseModel, ConfigDict, Field


class PublishedRow(BaseModel):
    """One row of a paper's table. `references`: how many images of the subject the method saw."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    method: str
    base: str = Field(description="the model that generates; - if the table does not say")
    references: str
    dino: float | None = None
    clip_i: float | None = None
    clip_t: float | None = None


class PublishedTable(BaseModel):
    """The rows that were read in one source."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    bench: str
    source: str
    url: str
    differs: tuple[str, ...] = Field(description="how this table's protocol differs, or what it does not say")
    rows: tuple[PublishedRow, ...]


@cache
def _tables() -> tuple[PublishedTable, ...]:
    content = yaml.safe_load(Path(__file__).with_name("published.yaml").read_text(encoding="utf-8"))
    return tuple(PublishedTable.model_validate(one) for one in content)


def published(bench: str) -> Sequence[PublishedTable]:
    """Return the published tables of a bench."""
    return [one for one in _tables() if one.bench == bench]
