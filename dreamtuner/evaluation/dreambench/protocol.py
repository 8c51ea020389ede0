"""The pinned protocol of each bench, read from protocols.yaml: what is generated, what it is compared with, by what."""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache
from pathlib import Path
from typing import Literal

import yaml
from pydantic import BaseModel, ConfigDict, Field


class Protocol(BaseModel):
    """Everything that decides a figure besides the model and its settings. Another version gives other figures."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    name: str
    title: str
    version: str = Field(description="incremented when equal images would get other figures, or other images be made")
    set: str = Field(description="the published set, with its source")
    url: str
    subjects: int
    prompts: int = Field(description="prompts of each subject")
    seeds: tuple[int, ...] = Field(description="one image for each, subject and prompt")
    reference: Literal["first"] = Field(description="the reference: the subject's first image by file name")
    size: Literal["profile"] = Field(description="the size of images: the profile's own")
    metrics: Mapping[str, str] = Field(description="the metric of each column that papers report")
    further: tuple[str, ...] = Field(default=(), description="metrics that are shown besides")
    statements: tuple[str, ...] = Field(description="the same in sentences, and what the numbers are not")

    @property
    def scores(self) -> tuple[str, ...]:
        """Return the names of all metrics, those of papers' columns first."""
        return tuple(dict.fromkeys([*self.metrics.values(), *self.further]))


@cache
def protocols() -> Mapping[str, Protocol]:
    """Return the protocols by name."""
    content = yaml.safe_load(Path(__file__).with_name("protocols.yaml").read_text(encoding="utf-8"))
    return {name: Protocol(name=name, **fields) for name, fields in content.items()}
