"""Baseline: the training-free forms of the method itself, by the strength of its two halves and what they are given."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path

from dreamtuner.baselines.method import Given, Prepared
from dreamtuner.families.backbone import Backbone
from dreamtuner.families.registry import fine_tunable
from dreamtuner.models.weights import digest_of
from dreamtuner.sampling.generate import generate
from dreamtuner.settings.sampling import Sampling


@dataclass(frozen=True)
class OtherEncoder:
    """A subject-encoder in the place of the profile's: its folder, and the digest of what the folder held."""

    folder: Path
    digest: str

    @classmethod
    def of(cls, folder: Path) -> OtherEncoder:
        """The one that is in `folder` now."""
        return cls(folder, digest_of(folder.parent, (folder.name,)))


@dataclass(frozen=True)
class Attending:
    """What the platform draws without fine-tuning, `changes` laid over the profile's numbers.

    `masked`, `captioned`: whether the reference comes with its mask and its caption; `encoder`: None is the profile's.
    """

    name: str
    changes: Mapping[str, float] = field(default_factory=dict)
    masked: bool = True
    captioned: bool = True
    encoder: OtherEncoder | None = None

    @property
    def training(self) -> str:
        """It trains nothing."""
        return ""

    def prepare(self, backbone: Backbone, given: Given) -> Prepared:
        """The reference is encoded anew with every draw, once for all of its cells."""
        sampling = Sampling.model_validate({**given.sampling.model_dump(), **self.changes})
        whole = given.reference
        reference = replace(
            whole, mask=whole.mask if self.masked else None, caption=whole.caption if self.captioned else ""
        )
        if self.encoder is not None:
            backbone = fine_tunable(backbone).with_encoder(self.encoder.folder)
        return Prepared(lambda cells: generate(backbone, reference, cells, sampling))
