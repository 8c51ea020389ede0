"""Previews of a fine-tuning: images with fixed seeds, scored by their similarity to the reference."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from PIL import Image

from dreamtuner.families.backbone import Backbone
from dreamtuner.finetune.fitting import ImageMemory, generate_fitting
from dreamtuner.finetune.subject import NamedSubject
from dreamtuner.models.profiles import Profile
from dreamtuner.sampling.request import Cell, Reference
from dreamtuner.score.clip import ClipModel, load_clip
from dreamtuner.score.clip_metrics import ClipI
from dreamtuner.settings.finetune import FineTuneConfig
from dreamtuner.settings.sampling import Sampling


@dataclass(frozen=True, eq=False)
class FineTunePreview:
    """The previews of one subject. `clip` is None if the profile has no CLIP model: then they are not scored.

    `memory`: what they may take besides the models; None: what is free.
    """

    reference: Reference
    cells: tuple[Cell, ...]
    sampling: Sampling
    clip: ClipModel | None
    memory: ImageMemory | None = None

    @classmethod
    def of(
        cls,
        profile: Profile,
        subject: NamedSubject,
        settings: FineTuneConfig,
        sampling: Sampling,
        *,
        device: str,
        memory: ImageMemory | None = None,
    ) -> FineTunePreview:
        """Create the previews that the settings name."""
        called = settings.subject_words(subject.class_word)
        cells = tuple(Cell(subject.words(one, called), seed) for seed, one in enumerate(settings.previews))
        clip = load_clip(profile, device=device) if (profile.tower / "config.json").is_file() else None
        if clip is not None and settings.precision == "bfloat16":
            clip.model.to(torch.bfloat16)
        return cls(subject.reference, cells, sampling, clip, memory)

    def generate(self, backbone: Backbone) -> tuple[Image.Image, float | None]:
        """Generate the previews. Returns them side by side, RGB, and their mean masked CLIP-I, -1..1, or None."""
        with torch.no_grad():
            pictures = generate_fitting(backbone, self.reference, self.cells, self.sampling, memory=self.memory)
        row = Image.new("RGB", (sum(one.width for one in pictures), pictures[0].height))
        for i, one in enumerate(pictures):
            row.paste(one, (i * pictures[0].width, 0))
        if self.clip is None:
            return row, None
        scores = ClipI(masked=True).score(
            self.clip, pictures, reference=self.reference.image, reference_mask=self.reference.mask
        )
        return row, sum(scores) / len(scores)
