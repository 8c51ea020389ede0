"""Captions that are lists of tags, as Danbooru's: their order is shuffled and some are left out at every step."""

from __future__ import annotations

import torch
from pydantic import BaseModel, ConfigDict, Field


class TagSettings(BaseModel):
    """How lists of tags change in training. Unknown keys are rejected."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    shuffle: bool = Field(default=True, description="shuffle the tags after the first `keep` ones")
    keep: int = Field(default=1, ge=0, description="tags at the beginning that stay where they are, such as 1girl")
    dropout: float = Field(
        default=0.1, ge=0, lt=1, description="probability that a tag after the first ones is left out"
    )

    def changed(self, caption: str, generator: torch.Generator) -> str:
        """Return the caption with its tags shuffled and thinned out; all randomness comes from `generator`."""
        tags = split_tags(caption)
        first, rest = tags[: self.keep], tags[self.keep :]
        order = torch.randperm(len(rest), generator=generator).tolist() if self.shuffle else range(len(rest))
        stays = (torch.rand(len(rest), generator=generator) >= self.dropout).tolist()
        return ", ".join([*first, *(rest[i] for i in order if stays[i])])


def split_tags(caption: str) -> list[str]:
    """Return the tags of a caption, separated by commas; empty ones are left out."""
    return [tag for one in caption.split(",") if (tag := one.strip())]


def as_tags(caption: str) -> str:
    """Return a list of tags as models read it: long_hair -> long hair. Faces such as ^_^ stay as they are."""
    return ", ".join(_words(tag) for tag in split_tags(caption))


def _words(tag: str) -> str:
    return tag.replace("_", " ") if len(tag) > 3 else tag
