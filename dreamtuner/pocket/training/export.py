"""Exports the trained weights: fp16 safetensors in the diffusers layout, with ControlNets, CLIP model and oracle."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import torch
from transformers import CLIPImageProcessorPil, CLIPModel

from dreamtuner.families.unet.conversion.portable import make_portable
from dreamtuner.models.layouts import OWN_FIELDS
from dreamtuner.pocket.training.autoencoder import load_latents, scaling_factor, trained_autoencoder
from dreamtuner.pocket.training.clip import new_clip
from dreamtuner.pocket.training.controlnet import new_controlnet
from dreamtuner.pocket.training.oracle import READ
from dreamtuner.pocket.training.text import new_tokenizer
from dreamtuner.pocket.training.unet import TextConditionedUNet, assemble
from dreamtuner.score.oracle import Oracle
from dreamtuner.train.state import load_ema


def trained_clip(work_dir: Path) -> CLIPModel:
    """Load the CLIP model with the averaged weights of its training."""
    tower = new_clip()
    load_ema(work_dir / "tower", tower)
    tower.eval()
    return tower


def trained_oracle(work_dir: Path) -> Oracle:
    """Load the oracle with the averaged weights of its training."""
    oracle = Oracle(READ)
    load_ema(work_dir / "oracle", oracle)
    return oracle.eval()


def trained_pipeline(work_dir: Path) -> Any:
    """Assemble a stock pipeline in float32: averaged weights of the autoencoder, the U-Net and its text encoder."""
    vae = trained_autoencoder(work_dir / "vae")
    latents = load_latents(work_dir / "latents.npy")
    vae.register_to_config(scaling_factor=scaling_factor(latents))
    model = TextConditionedUNet()
    load_ema(work_dir / "unet", model)
    return assemble(model.eval(), vae)


def export_weights(work_dir: Path, out: Path) -> None:
    """Write the weights trained in ``work_dir`` to ``out``, a folder that stock ``StableDiffusionPipeline`` loads."""
    trained_pipeline(work_dir).to(torch.float16).save_pretrained(out, safe_serialization=True)
    _compute_in_float32(out / "text_encoder")
    tower = out / "tower"
    trained_clip(work_dir).half().save_pretrained(tower)
    _compute_in_float32(tower)
    new_tokenizer().save_pretrained(tower)
    half = [0.5, 0.5, 0.5]
    size = {"height": 64, "width": 64}
    CLIPImageProcessorPil(
        size=size, crop_size=size, do_center_crop=False, image_mean=half, image_std=half
    ).save_pretrained(tower)
    trained_oracle(work_dir).save(out / "oracle")
    for kind in OWN_FIELDS:
        controlnet = new_controlnet()
        load_ema(work_dir / f"controlnet-{kind}", controlnet)
        controlnet.half().save_pretrained(out / f"controlnet-{kind}", safe_serialization=True)
    make_portable(out)


def _compute_in_float32(folder: Path) -> None:
    """Make transformers load a model's fp16 file as float32, as diffusers loads the others; mixed types would fail."""
    path = folder / "config.json"
    path.write_text(json.dumps({**json.loads(path.read_text()), "dtype": "float32"}, indent=2) + "\n")
