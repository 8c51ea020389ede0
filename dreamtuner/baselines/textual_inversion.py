"""Baseline: Textual Inversion (Gal et al. 2022). One new word's embedding learns the subject; the model stays frozen.

What differs from DreamTuner: nothing but [S*] learns, so there is nothing to forget and no regular images are needed;
prompts call the subject by the word alone; the reference keeps its background; at inference the reference is not seen.
The rate is [S*]'s in DreamTuner (App. A), for twice its steps; it was not tuned by itself.
"""

from __future__ import annotations

from dreamtuner.baselines.fine_tuned import FineTuned
from dreamtuner.finetune.settings import Rates
from dreamtuner.profiles import Profile

STEPS, RATE = 600, 5e-3


def textual_inversion(profile: Profile, steps: int = STEPS, rate: float = RATE) -> FineTuned:
    """The embedding begins as the class word's."""
    settings = profile.finetuning(
        "full",
        steps=steps,
        lr=Rates(unet=None, text_encoder=None, resblocks=None, word=rate),
        beta=0.0,
        subject="{word}",
        background="kept",
        regular="none",
        batch=2,
    )
    return FineTuned("Textual Inversion", settings)
