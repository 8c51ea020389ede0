"""Builds the family's models untrained, from their configs, and assembles models into stock pipelines.

Used to train a model from scratch and for stand-ins of one; configs are diffusers' own keywords.
"""

from typing import Any

from diffusers import (
    AutoencoderKL,
    ControlNetModel,
    DDIMScheduler,
    StableDiffusionControlNetPipeline,
    StableDiffusionPipeline,
    UNet2DConditionModel,
)


def new_autoencoder(**config: Any) -> Any:
    """Build an untrained AutoencoderKL."""
    return AutoencoderKL(**config)


def new_unet(**config: Any) -> Any:
    """Build an untrained U-Net with cross-attention."""
    return UNet2DConditionModel(**config)


def new_controlnet(**config: Any) -> Any:
    """Build an untrained ControlNet."""
    return ControlNetModel(**config)


def new_scheduler(**config: Any) -> Any:
    """Build a DDIM scheduler with the noise schedule of Stable Diffusion; its steps add no noise."""
    return DDIMScheduler(
        beta_start=0.00085, beta_end=0.012, beta_schedule="scaled_linear", clip_sample=False, steps_offset=1, **config
    )


def stock_pipeline(*, vae: Any, text_encoder: Any, tokenizer: Any, unet: Any, scheduler: Any) -> Any:
    """Build a `StableDiffusionPipeline` without a safety checker; pass None for models that a call does not need."""
    return StableDiffusionPipeline(
        vae=vae,
        text_encoder=text_encoder,
        tokenizer=tokenizer,
        unet=unet,
        scheduler=scheduler,
        safety_checker=None,
        feature_extractor=None,
        requires_safety_checker=False,
    )


def with_controlnet(pipeline: Any, controlnet: Any) -> Any:
    """Build a stock pipeline of the same models with a ControlNet."""
    return StableDiffusionControlNetPipeline(
        **pipeline.components, controlnet=controlnet, requires_safety_checker=False
    )
