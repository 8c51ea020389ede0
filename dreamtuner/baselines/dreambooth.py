"""Baselines: DreamBooth (Ruiz et al. 2022), all weights or by LoRA. The model learns what a rare word means.

What differs from DreamTuner: the word is text that the model can read and never met, before the class word, and its
embedding stays; the reference keeps its background; prior images are what the plain model draws of the class word, not
pictures like the reference; there is no subject-encoder, and at inference the reference is not seen. Steps and rates
are DreamTuner's own in the same mode, which is where a fair comparison begins; they were not tuned by themselves.
"""

from __future__ import annotations

from dreamtuner.baselines.fine_tuned import FineTuned
from dreamtuner.finetune.settings import Mode, Rates
from dreamtuner.profiles import Profile

RARE = "sks"
STEPS = 300
RATES: dict[Mode, float] = {"full": 1e-4, "lora": 1e-3}


def dreambooth(profile: Profile, mode: Mode = "full", steps: int = STEPS, rate: float | None = None) -> FineTuned:
    """U-Net and text encoder learn, from pairs of the reference and a prior image."""
    rate = RATES[mode] if rate is None else rate
    settings = profile.finetuning(
        mode,
        steps=steps,
        lr=Rates(unet=rate, text_encoder=rate, resblocks=None, word=None),
        beta=0.0,
        word=RARE,
        subject="{word} {class_word}",
        background="kept",
        regular="prior",
    )
    return FineTuned("DreamBooth" if mode == "full" else "DreamBooth-LoRA", settings)
