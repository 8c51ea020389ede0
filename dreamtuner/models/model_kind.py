"""What a folder's configs say about its model: which kind it is of, and whether it makes images from text alone."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from dreamtuner.models.profiles import Profile

LATENTS = 4
"""Channels where a config names none, as in diffusers."""
TIME_IDS = 6
"""Sizes that the U-Net of an SDXL base model embeds beside the text; that of the refiner embeds five."""


def config_of(file: Path) -> dict[str, Any] | None:
    """Return the contents of a config file; None if it is missing or damaged."""
    try:
        found = json.loads(file.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return None
    return found if isinstance(found, dict) else None


def conditioning(profile: Profile) -> str | None:
    """Return what the profile's U-Net embeds beside time and text states: "none", "text_time" for SDXL, or another.

    None if the profile has no U-Net.
    """
    unet = config_of(profile.folder("unet") / "config.json")
    return None if unet is None else str(unet.get("addition_embed_type") or "none")


def kind_problem(profile: Profile) -> str | None:
    """Return why the profile's U-Net is not that of a text-to-image model; None if it is, or if there is none.

    Models of other tasks have a U-Net, too, but take more than noise and text.
    """
    unet = config_of(profile.folder("unet") / "config.json")
    if unet is None:
        return None
    if _is_refiner(profile, unet):
        return f"{profile.weights} is the refiner of SDXL, which only finishes images; use the base model"
    vae = config_of(profile.folder("vae") / "config.json")
    channels, latent = unet.get("in_channels", LATENTS), (vae or {}).get("latent_channels", LATENTS)
    if vae is None or channels == latent:
        return None
    kinds = {2 * latent + 1: "an inpainting model", 2 * latent: "an InstructPix2Pix or edit model"}
    kind = kinds.get(channels, "not a text-to-image model")
    return (
        f"{profile.weights} is {kind} (its U-Net takes {channels} channels, a text-to-image model {latent}); use the "
        "model that it was made from"
    )


def _is_refiner(profile: Profile, unet: dict[str, Any]) -> bool:
    index = config_of(profile.weights / "model_index.json") or {}
    if index.get("requires_aesthetics_score") is True:
        return True
    text = config_of(profile.folder("text_encoder_2") / "config.json") or {}
    reads, each = unet.get("projection_class_embeddings_input_dim"), unet.get("addition_time_embed_dim")
    pooled = text.get("projection_dim")
    if unet.get("addition_embed_type") != "text_time" or reads is None or each is None or pooled is None:
        return False
    return bool(reads == (TIME_IDS - 1) * each + pooled)
