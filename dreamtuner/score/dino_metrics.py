"""DINO and DINOv2 scores: likeness to the reference by models that were trained without any text."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from dreamtuner.score.likeness import Likeness
from dreamtuner.score.own_model import OwnModelMetric

_MODELS = {"dino_s8": "dino-vits8", "dino_s16": "dino-vits16", "dinov2_s": "dinov2-small", "dinov2_b": "dinov2-base"}


@dataclass(frozen=True)
class Dino(OwnModelMetric, Likeness):
    """Subject fidelity, -1..1: the cosine of the CLS tokens of an image and the reference.

    ViT-S/16 is the model of Ruiz et al., "DreamBooth", 2023, section 4.1, which prefers it to CLIP-I because it tells
    subjects of one class apart; ViT-S/8 is that of the evaluation of Peng et al., "DreamBench++", 2025. See `Likeness`
    for the masked form.
    """

    short: str = "dino_s16"
    loader: ClassVar[str] = "dreamtuner.score.loaders:load_dino"

    @property
    def name(self) -> str:
        """dino_s8, dino_s16, dinov2_s or dinov2_b, and with _masked."""
        return self.short + ("_masked" if self.masked else "")

    @property
    def models(self) -> tuple[str, ...]:
        """The DINO model."""
        return (_MODELS[self.short],)


S8, S8_MASKED = Dino(short="dino_s8"), Dino(short="dino_s8", masked=True)
S16, S16_MASKED = Dino(short="dino_s16"), Dino(short="dino_s16", masked=True)
V2_S, V2_S_MASKED = Dino(short="dinov2_s"), Dino(short="dinov2_s", masked=True)
V2_B, V2_B_MASKED = Dino(short="dinov2_b"), Dino(short="dinov2_b", masked=True)
