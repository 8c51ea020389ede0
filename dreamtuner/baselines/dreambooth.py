"""Baselines: DreamBooth (Ruiz et al. 2022), all weights or by LoRA. The model learns what a rare word means.

What differs from DreamTuner: the word is text that the model can read and never met, before the class word, and its
embedding stays; the reference keeps its background; prior images are what the plain model draws of the class word, not
pictures like the reference; there is no subject-encoder, and at inference the reference is not seen. Steps and rates
are DreamTuner's own in the same mode, which is where a fair comparison begins; they were not tuned by themselves.
"""

from __future__ import annotations

from dreamtuner.baselines.fine_tuned import FineTuned
from dreamtuner.finetune.settings import Mode
from dreamtuner.profiles import Profile

RARE = "sks"


def dreambooth(profile: Profile, mode: Mode = "full", steps: int | None = None, rate: float | None = None) -> FineTuned:
    """U-Net and text encoder learn, from pairs of the reference and a prior image."""
    own = profile.finetuning(mode)
    faster = {} if rate is None else {"unet": rate, "text_encoder": rate}
    settings = own.model_copy(
        update={
            "steps": own.steps if steps is None else steps,
            "lr": own.lr.model_copy(update={**faster, "resblocks": None, "word": None}),
            "beta": 0.0,
            "word": RARE,
            "subject": "{word} {class_word}",
            "background": "kept",
            "regular": "prior",
        }
    )
    return FineTuned("DreamBooth" if mode == "full" else "DreamBooth-LoRA", settings)
