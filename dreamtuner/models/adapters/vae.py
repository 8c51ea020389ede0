"""Checks that another autoencoder fits a model, by its config and its files."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from dreamtuner.models.adapters.problem import AdapterError
from dreamtuner.models.profiles import Profile
from dreamtuner.models.weights import weight_files


def check_vae(profile: Profile, name: str, path: tuple[str, ...]) -> None:
    """Raise AdapterError unless the profile's VAE of this name is on disk and has the latents of its model."""
    folder = profile.vaes[name]
    if not (folder / "config.json").is_file():
        raise AdapterError(path, f"{folder} has no config.json; put an autoencoder in diffusers' layout there")
    kind = json.loads((folder / "config.json").read_text()).get("_class_name", "")
    if kind != "AutoencoderKL":
        raise AdapterError(path, f"{folder} is not an AutoencoderKL but {kind or 'of an unknown kind'}; give another")
    files = weight_files(folder, profile.variant)
    if not files or not all(file.is_file() for file in files):
        raise AdapterError(path, f"{folder} has no weights, or not all of them; get them again")
    theirs, ours = _latents(folder), _latents(profile.folder("vae"))
    if theirs != ours:
        raise AdapterError(
            path,
            f"{folder} is of another model than {profile.name}: it has {_words(theirs)}, and the model {_words(ours)}",
        )


def _latents(folder: Path) -> tuple[int, int]:
    """Return channels and pixels per side of a latent."""
    config: dict[str, Any] = json.loads((folder / "config.json").read_text())
    blocks = config.get("block_out_channels", (64,))
    return int(config.get("latent_channels", 4)), 1 << (len(blocks) - 1)


def _words(latents: tuple[int, int]) -> str:
    return f"latents of {latents[0]} channels for {latents[1]} pixels"
