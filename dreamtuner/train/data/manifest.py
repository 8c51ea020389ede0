"""What a set of prepared images is: how it was made, what it holds, and where in its shards each image is."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray
from pydantic import BaseModel, ConfigDict, Field
from safetensors.numpy import load, save

MANIFEST, INDEX, PLAN = "manifest.json", "index.safetensors", "plan.json"
"""Keys of a prepared set: what it is, where its images are, and what was asked for; the manifest is written last."""


class Plan(BaseModel):
    """What decides the prepared images. Another plan needs another place."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    version: int = 1
    profile: str
    weights: str = Field(description="digest of autoencoder, text encoders and CLIP model")
    data: str = Field(description="where the images come from")
    resolution: int
    sizes: tuple[tuple[int, int], ...]
    kinds: tuple[str, ...] = Field(description="kinds of control images")
    eyes: dict[str, str] = Field(description="masker, captioner and estimators, by name and version")
    tags: bool = Field(description="captions are lists of tags, whose order and number change in training")
    per_shard: int
    class_word: str | None = Field(None, description="what captioners say the images show; null: subject")

    def differences(self, other: Plan) -> list[str]:
        """Return the fields in which another plan differs."""
        return [name for name in type(self).model_fields if getattr(self, name) != getattr(other, name)]


class Shard(BaseModel):
    """One shard: its images in order, and the raw images that it was made of, faulty ones included."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    key: str
    sha256: str
    bytes: int
    images: tuple[str, ...] = Field(description="their keys")
    offsets: tuple[int, ...] = Field(description="of each image and of the end of the last")
    sizes: tuple[tuple[int, int], ...] = Field(description="width and height of each image")
    faulty: dict[str, str] = Field(description="keys of images that cannot be used, and why")
    doubtful: int = Field(description="images whose mask is doubtful")
    own_captions: int = Field(description="images that came with a caption")

    @property
    def raw(self) -> int:
        """The raw images that it was made of."""
        return len(self.images) + len(self.faulty)


class Manifest(BaseModel):
    """A complete set of prepared images."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    plan: Plan
    images: int
    shards: tuple[str, ...]
    sizes: dict[str, int] = Field(description="images by size, such as 512x512")
    faulty: int
    doubtful: int
    own_captions: int
    bytes: int
    digest: str = Field(description="SHA-256 over those of the shards")


class Index:
    """Where each image is: shard, first byte, bytes, and size, as arrays of one row per image."""

    def __init__(self, arrays: dict[str, NDArray[np.int64]]) -> None:
        self.shard, self.offset, self.bytes = arrays["shard"], arrays["offset"], arrays["bytes"]
        self.width, self.height = arrays["width"], arrays["height"]

    def __len__(self) -> int:
        """Return the number of images."""
        return len(self.shard)

    @classmethod
    def of(cls, shards: Sequence[Shard]) -> Index:
        """Return that of shards in their order."""
        rows = [
            (number, start, end - start, *size)
            for number, shard in enumerate(shards)
            for start, end, size in zip(shard.offsets, shard.offsets[1:], shard.sizes, strict=False)
        ]
        table = np.array(rows, dtype=np.int64).reshape(-1, 5)
        names = ("shard", "offset", "bytes", "width", "height")
        return cls({name: np.ascontiguousarray(column) for name, column in zip(names, table.T, strict=True)})

    def to_bytes(self) -> bytes:
        """Return the index as a safetensors file."""
        names = ("shard", "offset", "bytes", "width", "height")
        return bytes(save({name: getattr(self, name) for name in names}))

    @classmethod
    def from_bytes(cls, data: bytes) -> Index:
        """Read what `to_bytes` returned."""
        return cls(load(data))
