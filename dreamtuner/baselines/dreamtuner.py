"""The method itself: fine-tuned as the profile says (Sec. 3.3), and the reference seen by SE and S-S-A at inference."""

from __future__ import annotations

from dreamtuner.baselines.fine_tuned import FineTuned
from dreamtuner.profiles import Profile


def dreamtuner(profile: Profile, steps: int | None = None, *, encoder: bool = True) -> FineTuned:
    """With its subject-encoder, or without it in training and inference (Fig. 10)."""
    changes = {} if steps is None else {"steps": steps}
    if encoder:
        return FineTuned("DreamTuner", profile.finetuning("lora", **changes), sees=True)
    return FineTuned(
        "DreamTuner without SE", profile.finetuning("lora", beta=0.0, **changes), sees=True, changes={"beta": 0.0}
    )
