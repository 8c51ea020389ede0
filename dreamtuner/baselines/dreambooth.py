"""Baselines: DreamBooth (Ruiz et al. 2022), all weights or by LoRA. The model learns what a rare word means.

What differs from DreamTuner: the word is text that the model can read and never met, before the class word, and its
embedding stays; the reference keeps its background; prior images are what the plain model draws of the class word, not
pictures like the reference; there is no subject-encoder, and at inference the reference is not seen. Steps are
DreamTuner's own in the same mode, the rate was tuned by itself.
"""

from __future__ import annotations

from collections.abc import Mapping

from dreamtuner.baselines.fine_tuned import FineTuned
from dreamtuner.models.profiles import Profile
from dreamtuner.settings.finetune import Mode

RARE = "sks"
RATES: Mapping[Mode, float] = {"full": 1e-4, "lora": 1e-3}
"""Of U-Net and text encoder, for the pocket model. Tried on three validation subjects, 300 steps, identity and prompts:
full at 5e-5 71.4 and 90.0 %, at 1e-4 77.6 and 89.2, at 2e-4 79.2 and 84.2; LoRA at 5e-4 60.9 and 86.7, at 1e-3 70.8
and 81.7. A share of the U-Net, as `unet_kept`, costs more than it brings: on two subjects with 16 pictures each, full
with all, 0.75 and 0.5 kept 75.3, 84.3; 67.6, 86.2; 59.3, 89.3; LoRA 68.8, 81.9; 62.9, 82.5; 56.2, 83.8."""


def dreambooth(profile: Profile, mode: Mode = "full", steps: int | None = None, rate: float | None = None) -> FineTuned:
    """U-Net and text encoder learn, from pairs of the reference and a prior image."""
    own = profile.finetuning(mode)
    rate = RATES[mode] if rate is None else rate
    settings = own.model_copy(
        update={
            "steps": own.steps if steps is None else steps,
            "lr": own.lr.model_copy(update={"unet": rate, "text_encoder": rate, "resblocks": None, "word": None}),
            "beta": 0.0,
            "unet_kept": 1.0,
            "word": RARE,
            "subject": "{word} {class_word}",
            "background": "kept",
            "regular": "prior",
        }
    )
    return FineTuned("DreamBooth" if mode == "full" else "DreamBooth-LoRA", settings)
