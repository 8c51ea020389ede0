"""How well a subject is known so far: preview pictures by fixed seeds, and how like the reference they are."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from PIL import Image

from dreamtuner.families.backbone import Backbone
from dreamtuner.finetune.subject import NamedSubject
from dreamtuner.models.profiles import Profile
from dreamtuner.sampling.generate import generate
from dreamtuner.sampling.request import Cell, Reference
from dreamtuner.score.clip import ClipModel, load_clip
from dreamtuner.score.clip_i import ClipI
from dreamtuner.settings.finetune import FineTuneConfig
from dreamtuner.settings.sampling import Sampling


@dataclass(frozen=True, eq=False)
class FineTunePreview:
    """The previews of one subject. `tower` is None where the profile has none: then they are not scored."""

    reference: Reference
    cells: tuple[Cell, ...]
    sampling: Sampling
    tower: ClipModel | None

    @classmethod
    def of(
        cls, profile: Profile, subject: NamedSubject, settings: FineTuneConfig, sampling: Sampling, *, device: str
    ) -> FineTunePreview:
        """The trial of these settings."""
        called = settings.subject_words(subject.class_word)
        cells = tuple(Cell(subject.words(one, called), seed) for seed, one in enumerate(settings.previews))
        tower = load_clip(profile, device=device) if (profile.tower / "config.json").is_file() else None
        return cls(subject.reference, cells, sampling, tower)

    def generate(self, backbone: Backbone) -> tuple[Image.Image, float | None]:
        """Draw: the pictures in a row, and their mean masked CLIP-I, -1..1."""
        with torch.no_grad():
            pictures = generate(backbone, self.reference, self.cells, self.sampling)
        row = Image.new("RGB", (sum(one.width for one in pictures), pictures[0].height))
        for i, one in enumerate(pictures):
            row.paste(one, (i * pictures[0].width, 0))
        if self.tower is None:
            return row, None
        scores = ClipI(masked=True).score(
            self.tower, pictures, reference=self.reference.image, reference_mask=self.reference.mask
        )
        return row, sum(scores) / len(scores)
