"""CLIP-I and CLIP-T by OpenAI's own models, whatever the profile's is: ViT-B/32 and ViT-L/14.

Radford et al., "Learning Transferable Visual Models From Natural Language Supervision", 2021; as metrics of a subject's
images: Ruiz et al., "DreamBooth", 2023, section 4.1.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from dreamtuner.score.likeness import Likeness, PromptLikeness
from dreamtuner.score.own_model import OwnModelMetric

Size = Literal["b32", "l14"]
_LOADER = "dreamtuner.score.loaders:load_own_clip"


@dataclass(frozen=True)
class OpenAIClipI(OwnModelMetric, Likeness):
    """CLIP-I, subject fidelity, -1..1, by a named model. See `Likeness` for the masked form."""

    size: Size = "b32"
    loader = _LOADER

    @property
    def name(self) -> str:
        """clip_i_b32, clip_i_l14, and with _masked."""
        return f"clip_i_{self.size}" + ("_masked" if self.masked else "")

    @property
    def models(self) -> tuple[str, ...]:
        """The CLIP model."""
        return (f"clip-vit-{self.size}",)


@dataclass(frozen=True)
class OpenAIClipT(OwnModelMetric, PromptLikeness):
    """CLIP-T, prompt fidelity, -1..1, by a named model."""

    size: Size = "b32"
    loader = _LOADER

    @property
    def name(self) -> str:
        """clip_t_b32 or clip_t_l14."""
        return f"clip_t_{self.size}"

    @property
    def models(self) -> tuple[str, ...]:
        """The CLIP model."""
        return (f"clip-vit-{self.size}",)


I_B32, I_B32_MASKED = OpenAIClipI(size="b32"), OpenAIClipI(size="b32", masked=True)
I_L14, I_L14_MASKED = OpenAIClipI(size="l14"), OpenAIClipI(size="l14", masked=True)
T_B32, T_L14 = OpenAIClipT(size="b32"), OpenAIClipT(size="l14")
