"""Builds a fine-tuning on models that it loads, in every process of the training."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import torch
from PIL import Image

from dreamtuner.families.registry import fine_tunable, load_backbone
from dreamtuner.finetune.fitting import ImageMemory
from dreamtuner.finetune.memory import image_memory
from dreamtuner.finetune.pairs import encode_pairs
from dreamtuner.finetune.preview import FineTunePreview
from dreamtuner.finetune.stage import FineTuneStage, autocast
from dreamtuner.finetune.subject import NamedSubject, class_images
from dreamtuner.models.profiles import Profile
from dreamtuner.settings.finetune import FineTuneConfig
from dreamtuner.settings.sampling import Sampling
from dreamtuner.train.state import load_ema


def ignore(done: int, total: int) -> None:
    """Report no progress."""


@dataclass(frozen=True)
class FineTuneFactory:
    """Builds the stage on models that it loads. `folder`: where class images are cached between restarts.

    `sampling`: settings of class images and previews; `preview_sampling`: settings of previews if different. Both are
    of square images, as the reference is cropped to a square.
    `memory`: bytes that the training may take, so that previews and class images share them with the models; None: what
    is free. `on_class_image(done, total)` is called as class images are generated.
    """

    profile: Profile
    subject: NamedSubject
    settings: FineTuneConfig
    sampling: Sampling
    folder: Path
    preview_sampling: Sampling | None = None
    memory: int | None = None
    on_class_image: Callable[[int, int], None] = field(default=ignore)

    def __post_init__(self) -> None:
        """Raise ValueError if the images are not square."""
        for sampling in (self.sampling, self.preview_sampling):
            if sampling is not None and sampling.size is not None:
                raise ValueError(f"sampling.size: {sampling.size}, but fine-tuning trains on squares; set resolution")

    def build(self, device: torch.device) -> FineTuneStage:
        s, sampling = self.settings, self.sampling
        # weights that are trained come in full precision; adapters are new, and what they are added to is frozen
        narrow = s.precision == "bfloat16" and s.mode == "lora"
        dtype = torch.bfloat16 if narrow else torch.float32
        backbone = fine_tunable(load_backbone(self.profile, device=str(device), dtype=dtype))
        if narrow and "resblocks" in s.learns and "encoder" in backbone.learnable:
            backbone = backbone.with_encoder(self.profile.folder("subject_encoder"))
        with autocast(s, device):
            regular: Sequence[Image.Image] = class_images(
                backbone, self.subject, s, sampling, self.folder / "regular", self.on_class_image, self._image_memory()
            )
            pairs = encode_pairs(backbone, self.subject, s, regular, sampling.resolution)
        previews = FineTunePreview.of(
            self.profile,
            self.subject,
            s,
            self.preview_sampling or sampling,
            device=str(device),
            memory=self._image_memory(),
        )
        return FineTuneStage(backbone, self.subject, s, pairs, previews, sampling.text)

    def _image_memory(self) -> ImageMemory | None:
        if self.memory is None:
            return None
        return image_memory(self.profile, self.settings, self.sampling.resolution, self.memory)

    def finished(self, device: torch.device) -> FineTuneStage:
        """Build the stage with the averaged weights of the training in `folder`."""
        stage = self.build(device)
        load_ema(self.folder, stage.learns)
        return stage
