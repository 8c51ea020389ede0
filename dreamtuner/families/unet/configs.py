"""What the configs of a folder say about its U-Net, before anything is loaded."""

import json
from collections.abc import Mapping
from typing import Any

from dreamtuner.models.profiles import Profile

LATENTS = 4
"""Channels where a config names none, as in diffusers."""
KINDS = {9: "an inpainting model", 8: "an InstructPix2Pix model", 5: "a depth-to-image model", 7: "an upscaler"}
"""What U-Nets with this many input channels are, where latents have 4."""


def config_of(profile: Profile, part: str) -> Mapping[str, Any]:
    """Return the config.json of a part of the profile; empty if it is missing or damaged."""
    try:
        found = json.loads((profile.folder(part) / "config.json").read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return {}
    return found if isinstance(found, dict) else {}


def further_inputs(profile: Profile) -> str | None:
    """Return why the U-Net cannot be used if it reads more channels than latents have; None otherwise."""
    unet, vae = config_of(profile, "unet"), config_of(profile, "vae")
    reads, latents = int(unet.get("in_channels", LATENTS)), int(vae.get("latent_channels", LATENTS))
    if not vae or reads == latents:
        return None
    kind = KINDS.get(reads, "a model") if latents == LATENTS else "a model"
    return (
        f"it is {kind} that takes an image beside the prompt: its U-Net reads {reads} channels, and latents have "
        f"{latents}; give a text-to-image model"
    )
