"""A model profile: which weights to load, at what size, under which licence, and the numbers that suit them."""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from pydantic import BaseModel, ConfigDict, Field

from dreamtuner.settings.finetune import FineTuneConfig, Mode
from dreamtuner.settings.sampling import Sampling, Style
from dreamtuner.settings.styles import STYLES

PARTS = ("unet", "vae", "text_encoder", "tokenizer", "scheduler")
"""The folders of the plain diffusers layout that decide a picture; other model families have others."""
ENCODER_PARTS = ("subject_encoder", "tower")
"""What decides it too where there is a subject-encoder: it reads the image half of the tower, which else only scores.
"""


class Profile(BaseModel):
    """A model and its habits. `weights` is a folder that a model family reads, such as the plain diffusers layout."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    name: str
    weights: Path
    resolution: int = Field(description="side of the pictures the model was trained on, pixels")
    licence: str
    remedy: str = Field(description="the command or step that brings the weights where they are missing")
    parts: tuple[str, ...] = Field(default=PARTS, description="the folders of `weights` that decide a picture")
    natural: Sampling
    anime: Sampling
    tuning: FineTuneConfig = Field(default=FineTuneConfig(), description="how a subject is learnt, in mode lora")
    full_tuning: FineTuneConfig = Field(
        default=FineTuneConfig(mode="full"), description="how a subject is learnt, in mode full"
    )
    finetuned_sampling: Mapping[str, float] = Field(
        default={}, description="what changes in the numbers where the model has learnt the subject"
    )

    @property
    def tower(self) -> Path:
        """Folder of the CLIPModel that scores CLIP-I and CLIP-T, with its processor and tokenizer."""
        return self.weights / "tower"

    @property
    def has_encoder(self) -> bool:
        """Whether the weights hold a subject-encoder."""
        return (self.weights / "subject_encoder").is_dir()

    def sampling(self, style: Style = "natural", *, learnt: bool = False, **overrides: object) -> Sampling:
        """The style's defaults with `overrides` laid over, validated again (pydantic.ValidationError).

        UnknownNameError where there is no such style. Styles that the profile has no numbers for change those for
        natural subjects as their records say.

        `learnt`: of a subject that the model was fine-tuned for. Without a subject-encoder beta is 0 by default.
        """
        own = {"natural": self.natural, "anime": self.anime}
        defaults = (own[style] if style in own else STYLES[style].numbers(self.natural)).model_dump()
        off = {} if self.has_encoder else {"beta": 0.0}
        return Sampling.model_validate({**defaults, **(self.finetuned_sampling if learnt else {}), **off, **overrides})

    def finetuning(self, mode: Mode = "lora", **overrides: Any) -> FineTuneConfig:
        """The mode's defaults with `overrides` laid over, learning rates one by one (pydantic.ValidationError).

        Without a subject-encoder there is none while learning either.
        """
        defaults = (self.tuning if mode == "lora" else self.full_tuning).model_dump()
        if "lr" in overrides and isinstance(overrides["lr"], dict):
            overrides["lr"] = {**defaults["lr"], **overrides["lr"]}
        off = {} if self.has_encoder else {"beta": 0.0}
        return FineTuneConfig.model_validate({**defaults, **off, **overrides})

    def missing(self) -> list[str]:
        """Which of `parts` hold no config on disk; empty when a picture can be drawn."""
        return [part for part in self.parts if not any((self.weights / part).glob("*.json"))]


def folder_profile(folder: Path, *, name: str, licence: str = "unknown") -> Profile:
    """A profile for any Stable Diffusion 1.x/2.x folder in the plain layout, at the size its configs state.

    The numbers are the paper's. FileNotFoundError names the config that is not there.
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
