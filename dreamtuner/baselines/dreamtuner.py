"""The method itself: fine-tuned by the profile's settings (Sec. 3.3), with SE and S-S-A at inference."""

from __future__ import annotations

from dreamtuner.baselines.fine_tuned import FineTuned
from dreamtuner.models.profiles import Profile
from dreamtuner.settings.finetune import Mode


def dreamtuner(profile: Profile, mode: Mode = "full", steps: int | None = None, *, encoder: bool = True) -> FineTuned:
    """Return DreamTuner with its subject-encoder, or without it in training and inference (Fig. 10)."""
    given = {} if steps is None else {"steps": steps}
    if encoder:
        name = "DreamTuner" if mode == "full" else "DreamTuner-LoRA"
        return FineTuned(name, profile.finetuning(mode, **given), sees=True, drawing=profile.finetuned_sampling)
    settings = profile.finetuning(mode, beta=0.0, **given)
    off = {"beta": 0.0}
    return FineTuned(
        "DreamTuner without SE", settings, sees=True, changes=off, drawing={**profile.finetuned_sampling, **off}
    )
