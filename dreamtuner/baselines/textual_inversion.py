"""Baseline: Textual Inversion (Gal et al. 2022). One new word's embedding learns the subject; the model stays frozen.

What differs from DreamTuner: nothing but [S*] learns, so there is nothing to forget and no regular images are needed;
prompts call the subject by the word alone; the reference keeps its background; at inference the reference is not seen.
The rate is [S*]'s in DreamTuner (App. A), for twice its steps and two noise levels a step; it was not tuned by itself.
"""

from __future__ import annotations

from dreamtuner.baselines.fine_tuned import FineTuned
from dreamtuner.profiles import Profile


def textual_inversion(profile: Profile, steps: int | None = None, rate: float | None = None) -> FineTuned:
    """The embedding begins as the class word's."""
    own = profile.finetuning("full")
    word = own.lr.word if rate is None else rate
    settings = own.model_copy(
        update={
            "steps": 2 * own.steps if steps is None else steps,
            "lr": own.lr.model_copy(update={"unet": None, "text_encoder": None, "resblocks": None, "word": word}),
            "beta": 0.0,
            "subject": "{word}",
            "background": "kept",
            "regular": "none",
            "batch": 2,
        }
    )
    return FineTuned("Textual Inversion", settings)
