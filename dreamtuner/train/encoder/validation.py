"""Validation of stage 1 on held-out images: the loss at fixed noise, and how like its subject a generated image is."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property

import torch
from PIL import Image

from dreamtuner.families.backbone import EncoderTrainable
from dreamtuner.families.unet.subject_encoder import SubjectEncoder
from dreamtuner.models.layouts import Kind
from dreamtuner.rendering.montage import montage
from dreamtuner.sampling.generate import generate
from dreamtuner.sampling.request import Cell, Reference
from dreamtuner.score.clip import ClipModel, load_clip
from dreamtuner.score.clip_metrics import ClipI
from dreamtuner.settings.sampling import Sampling
from dreamtuner.train.data.order import by_size
from dreamtuner.train.data.prepared import PreparedImages
from dreamtuner.train.data.sample import Sample
from dreamtuner.train.encoder.settings import EncoderSettings
from dreamtuner.train.encoder.source import examples
from dreamtuner.train.encoder.stage import EncoderStage, Frozen, Source

SEED = 20231213
"""Of validation's noise; any number does, so long as it stays."""


@dataclass(frozen=True)
class Validation:
    """The held-out images, by number. `kind`: of the control images of the loss, or None."""

    backbone: EncoderTrainable
    images: PreparedImages
    rows: list[int]
    settings: EncoderSettings
    kind: Kind | None
    device: torch.device

    @cached_property
    def clip(self) -> ClipModel:
        """The profile's CLIP model, which scores."""
        return load_clip(self.backbone.profile, device=str(self.device))

    def loss(self, stage: EncoderStage) -> float:
        """Return the mean loss; noise, levels and augmentation are the same every time."""
        total = 0.0
        for group in by_size(range(len(self.rows)), self.images.sizes(self.rows), self.settings.at_once):
            samples = [self.images[self.rows[i]] for i in group]
            batch = examples(samples, [one.caption for one in samples], self.kind, self.device)
            generator = torch.Generator().manual_seed(SEED + group[0])
            numbers = samples[0].x0.numel()
            loss, _ = stage.denoise(batch, range(len(group)), len(group), numbers, generator)
            total += float(loss) * len(group)
        return total / len(self.rows)

    def generate(self) -> tuple[Image.Image, float]:
        """Generate each image again from its subject and caption, without control image and without S-S-A.

        Returns a row of reference and result for each, and the mean masked CLIP-I, -1..1.
        """
        pairs, scores = [], []
        for row in self.rows:
            sample = self.images[row]
            (image,) = self.backbone.decode(sample.x0[None].to(self.device, self.backbone.denoiser().dtype))
            reference = Reference(image, sample.mask, sample.caption)
            cell = Cell(sample.caption, SEED)
            (made,) = generate(self.backbone, reference, [cell], self._sampling(sample), embeddings=())
            scores += ClipI(masked=True).score(self.clip, [made], reference=image, reference_mask=sample.mask)
            pairs.append([image, made])
        return montage(pairs), sum(scores) / len(scores)

    def _sampling(self, sample: Sample) -> Sampling:
        width, height = sample.size
        size = {"size": f"{width}x{height}"} if width != height else {"resolution": width}
        numbers = {"w_ref": 0.0, "beta": self.settings.validation_beta, "steps": self.settings.validation_steps}
        return Sampling.model_validate(self.backbone.profile.natural.merged(numbers, size))


class ValidatedStage(EncoderStage):
    """Stage 1 that validates itself with each preview, by the averaged weights."""

    def __init__(self, encoder: SubjectEncoder, frozen: Frozen, source: Source, validation: Validation) -> None:
        super().__init__(encoder, frozen, source)
        self._validation, self._measured = validation, dict[str, float]()

    def preview(self) -> Image.Image:
        """Measure the validation loss and likeness. Returns the validation images."""
        mixed = self.frozen.denoiser.dtype == torch.bfloat16  # the encoder itself is float32
        with torch.autocast(self._validation.device.type, torch.bfloat16, enabled=mixed):
            loss = self._validation.loss(self)
            with self.detached():
                picture, identity = self._validation.generate()
        self._measured = {"val_loss": loss, "identity": identity}
        return picture

    def measured(self, step: int) -> Mapping[str, float]:
        """Return what the last preview measured, once."""
        found, self._measured = self._measured, {}
        return found
