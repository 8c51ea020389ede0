"""Baseline: training-free variants of the method itself, with or without S-E-A, S-S-A, mask and caption."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Annotated

from dreamtuner.baselines.method import Given, Prepared
from dreamtuner.families.backbone import Backbone
from dreamtuner.families.registry import fine_tunable
from dreamtuner.models.weights import digest_of
from dreamtuner.sampling.generate import generate
from dreamtuner.settings.recipe_fields import Later
from dreamtuner.settings.sampling import AS_PRINTED, Sampling


@dataclass(frozen=True)
class OtherEncoder:
    """A subject-encoder that replaces the profile's: its folder, and the digest of its files."""

    folder: Path
    digest: str

    @classmethod
    def of(cls, folder: Path) -> OtherEncoder:
        """Return the encoder in `folder`, with its current digest."""
        return cls(folder, digest_of(folder.parent, (folder.name,)))


@dataclass(frozen=True)
class Attending:
    """Generation without fine-tuning, by the profile's settings, Eq. 2 to 6 as printed, updated with `changes`.

    `masked`, `captioned`: whether the reference has its mask and its caption; `encoder`: None is the profile's;
    `printed`: whether `AS_PRINTED` replaces what the profile adds to the equations.
    """

    name: str
    changes: Mapping[str, float] = field(default_factory=dict)
    masked: bool = True
    captioned: bool = True
    encoder: OtherEncoder | None = None
    printed: Annotated[bool, Later(neutral=True)] = True

    @property
    def training(self) -> str:
        """Empty: it needs no training."""
        return ""

    def prepare(self, backbone: Backbone, given: Given) -> Prepared:
        """Prepare nothing: the reference is encoded with every call, once for all of its cells."""
        as_printed = AS_PRINTED if self.printed else {}
        sampling = Sampling.model_validate({**given.sampling.model_dump(), **as_printed, **self.changes})
        whole = given.reference
        reference = replace(
            whole, mask=whole.mask if self.masked else None, caption=whole.caption if self.captioned else ""
        )
        if self.encoder is not None:
            backbone = fine_tunable(backbone).with_encoder(self.encoder.folder)
        return Prepared(lambda cells: generate(backbone, reference, cells, sampling))
