"""How much memory fine-tuning a Stable Diffusion XL takes. What is trained is as for Stable Diffusion 1.x."""

import torch
from transformers import CLIPTextConfig, CLIPTextModel, CLIPTextModelWithProjection

from dreamtuner.families.memory import Need
from dreamtuner.families.unet.finetune_memory import need_of
from dreamtuner.models.model_kind import TIME_IDS
from dreamtuner.models.profiles import Profile
from dreamtuner.settings.finetune import FineTuneConfig


def memory_need(profile: Profile, settings: FineTuneConfig, resolution: int) -> Need:
    """Compute the memory that fine-tuning takes at this resolution (pixels). Loads nothing."""
    with torch.device("meta"):
        one = CLIPTextModel(CLIPTextConfig.from_pretrained(profile.folder("text_encoder")))
        two = CLIPTextModelWithProjection(CLIPTextConfig.from_pretrained(profile.folder("text_encoder_2")))
    width = int(two.text_projection.out_features)

    def conditions(rows: int) -> dict[str, object]:
        added = {"text_embeds": torch.empty(rows, width), "time_ids": torch.empty(rows, TIME_IDS)}
        return {"added_cond_kwargs": added}

    return need_of(profile, (one, two), settings, resolution, conditions)
