"""Baseline: Textual Inversion (Gal et al. 2022). One new word's embedding learns the subject; the model stays frozen.

Differences from DreamTuner: only [S*] is trained, so nothing is forgotten and no class images are needed; prompts name
the subject by the token alone; the reference keeps its background and is not used at inference. It takes twice
DreamTuner's steps and two noise levels per step; its learning rate was tuned separately.
"""

from __future__ import annotations

from dreamtuner.baselines.fine_tuned import FineTuned
from dreamtuner.models.profiles import Profile

RATE = 3e-2
"""For the pocket model. Tried on three validation subjects, 600 steps, identity and prompts: 5e-3 (App. A's) 19.8 and
97.5 %, 3e-2 24.0 and 90.0, 1e-1 22.9 and 88.3; the plain model has 18.8 and 99.2."""


def textual_inversion(profile: Profile, steps: int | None = None, rate: float = RATE) -> FineTuned:
    """Return Textual Inversion: only the token's embedding is trained, initialised as the class word's."""
    own = profile.finetuning("full")
    settings = own.model_copy(
        update={
            "steps": 2 * own.steps if steps is None else steps,
            "lr": own.lr.model_copy(update={"unet": None, "text_encoder": None, "resblocks": None, "word": rate}),
            "beta": 0.0,
            "subject": "{word}",
            "background": "kept",
            "regular": "none",
            "batch": 2,
        }
    )
    return FineTuned("Textual Inversion", settings)
