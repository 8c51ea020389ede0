"""Loads the models of Stable Diffusion XL from the plain diffusers layout, frozen and in eval mode."""

import json
from pathlib import Path
from typing import Any

import torch
from diffusers import StableDiffusionXLPipeline
from transformers import CLIPTextModelWithProjection, CLIPTokenizer

from dreamtuner.families.unet import load
from dreamtuner.models.profiles import Profile
from dreamtuner.models.weights import variant_in

WRONG_EOS = 2
"""The end token in configs of older releases: the pooled state is then that of the highest id, which is right until a
token is added."""


def load_parts(profile: Profile, *, device: str, dtype: torch.dtype) -> dict[str, Any]:
    """Load all parts of a profile except ControlNets, keyed by the fields of `SDXLParts`."""
    folder, variant = profile.folder("text_encoder_2"), variant_in(profile.folder("text_encoder_2"), profile.variant)
    tokenizer = CLIPTokenizer.from_pretrained(profile.folder("tokenizer_2"), local_files_only=True)
    model = CLIPTextModelWithProjection.from_pretrained(folder, variant=variant, dtype=dtype, local_files_only=True)
    if model.config.eos_token_id == WRONG_EOS:
        model.config.eos_token_id = model.text_model.eos_token_id = tokenizer.eos_token_id
    return {
        **load.load_parts(profile, device=device, dtype=dtype),
        "tokenizer_2": tokenizer,
        "text_encoder_2": model.requires_grad_(False).eval().to(device),
        "zeros_for_no_prompt": _zeros_for_no_prompt(profile.weights),
    }


def _zeros_for_no_prompt(folder: Path) -> bool:
    """Read `force_zeros_for_empty_prompt` of the pipeline; true if it is not stated, as in diffusers."""
    index = folder / "model_index.json"
    stated: bool = json.loads(index.read_text()).get("force_zeros_for_empty_prompt", True) if index.is_file() else True
    return stated


def stock_pipeline(*, zeros_for_no_prompt: bool, **models: Any) -> Any:
    """Build a `StableDiffusionXLPipeline` without a watermark; pass None for models that a call does not need."""
    return StableDiffusionXLPipeline(**models, force_zeros_for_empty_prompt=zeros_for_no_prompt, add_watermarker=False)
