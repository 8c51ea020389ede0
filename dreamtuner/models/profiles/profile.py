"""A model profile: which weights to load, at what size, under which licence, and the settings that suit them."""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from pydantic import BaseModel, ConfigDict, Field

from dreamtuner.settings.finetune import FineTuneConfig, Mode
from dreamtuner.settings.sampling import Sampling, Style
from dreamtuner.settings.styles import STYLES

PARTS = ("unet", "vae", "text_encoder", "tokenizer", "scheduler")
"""The folders of the plain diffusers layout that affect an image; other model families have others."""
ENCODER_PARTS = ("subject_encoder", "tower")
"""Further folders that affect an image if there is a subject-encoder: it uses the image branch of the CLIP model
(folder "tower"), which otherwise is used only for scoring."""


class Profile(BaseModel):
    """A model with its settings.

    `weights` is a folder that a model family reads, such as the plain diffusers layout.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    name: str
    weights: Path
    resolution: int = Field(description="side of the images that the model was trained on, pixels")
    licence: str
    remedy: str = Field(description="the command or step that provides missing weights")
    parts: tuple[str, ...] = Field(default=PARTS, description="the folders of `weights` that affect an image")
    natural: Sampling
    anime: Sampling
    tuning: FineTuneConfig = Field(default=FineTuneConfig(), description="fine-tuning in mode lora")
    full_tuning: FineTuneConfig = Field(default=FineTuneConfig(mode="full"), description="fine-tuning in mode full")
    finetuned_sampling: Mapping[str, float] = Field(
        default={}, description="overrides of `sampling` for a model fine-tuned on the subject"
    )

    @property
    def tower(self) -> Path:
        """Folder of the CLIP model that scores CLIP-I and CLIP-T, with its processor and tokenizer."""
        return self.weights / "tower"

    @property
    def has_encoder(self) -> bool:
        """Whether the weights include a subject-encoder."""
        return (self.weights / "subject_encoder").is_dir()

    def sampling(self, style: Style = "natural", *, learnt: bool = False, **overrides: object) -> Sampling:
        """Return the style's defaults updated by `overrides`, validated.

        A style without settings in the profile applies its own overrides to those of natural subjects. `learnt`: the
        model is fine-tuned on the subject. Without a subject-encoder, beta is 0 by default.

        Raises:
            UnknownNameError: no such style exists.
            pydantic.ValidationError: a value is invalid.
        """
        own = {"natural": self.natural, "anime": self.anime}
        defaults = (own[style] if style in own else STYLES[style].numbers(self.natural)).model_dump()
        off = {} if self.has_encoder else {"beta": 0.0}
        return Sampling.model_validate({**defaults, **(self.finetuned_sampling if learnt else {}), **off, **overrides})

    def finetuning(self, mode: Mode = "lora", **overrides: Any) -> FineTuneConfig:
        """Return the mode's defaults updated by `overrides`, learning rates one by one, validated.

        Without a subject-encoder, beta is 0 by default. Raises pydantic.ValidationError if a value is invalid.
        """
        defaults = (self.tuning if mode == "lora" else self.full_tuning).model_dump()
        if "lr" in overrides and isinstance(overrides["lr"], dict):
            overrides["lr"] = {**defaults["lr"], **overrides["lr"]}
        off = {} if self.has_encoder else {"beta": 0.0}
        return FineTuneConfig.model_validate({**defaults, **off, **overrides})

    def missing(self) -> list[str]:
        """Return those of `parts` that have no config on disk; empty if images can be generated."""
        return [part for part in self.parts if not any((self.weights / part).glob("*.json"))]


def folder_profile(folder: Path, *, name: str, licence: str = "unknown") -> Profile:
    """Create a profile for a Stable Diffusion 1.x/2.x folder in the plain layout, at the size that its configs state.

    The settings are the paper's. Raises FileNotFoundError, which names a missing config.
    """
    unet = json.loads((folder / "unet" / "config.json").read_text())
    vae = json.loads((folder / "vae" / "config.json").read_text())
    resolution = int(unet["sample_size"]) * 2 ** (len(vae["block_out_channels"]) - 1)
    numbers = Sampling(steps=30, resolution=resolution, beta=0.2)
    return Profile(
        name=name,
        weights=folder,
        resolution=resolution,
        licence=licence,
        remedy=f"put a Stable Diffusion in the plain diffusers layout into {folder}",
        natural=numbers,
        anime=STYLES["anime"].numbers(numbers),
    )
