"""The method itself: fine-tuned as the profile says (Sec. 3.3), and the reference seen by SE and S-S-A at inference."""

from __future__ import annotations

from dreamtuner.baselines.fine_tuned import FineTuned
from dreamtuner.profiles import Profile


def dreamtuner(profile: Profile, steps: int | None = None, *, encoder: bool = True) -> FineTuned:
    """With its subject-encoder, or without it in training and inference (Fig. 10)."""
    changes = {} if steps is None else {"steps": steps}
    if encoder:
        return FineTuned("DreamTuner", profile.finetuning("lora", **changes), sees=True)
    # alone with [S*] to learn the subject, the U-Net keeps all that it learnt
    settings = profile.finetuning("lora", beta=0.0, unet_kept=1.0, **changes)
    return FineTuned("DreamTuner without SE", settings, sees=True, changes={"beta": 0.0})
