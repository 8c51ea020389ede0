"""Model profiles: which weights to load, at what size, under which licence, and the numbers that suit them."""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from pydantic import BaseModel, ConfigDict, Field

from dreamtuner.settings.finetune import FineTune, Mode, Rates
from dreamtuner.settings.sampling import Sampling, Style

PARTS = ("unet", "vae", "text_encoder", "tokenizer", "scheduler")
"""The folders of the plain diffusers layout that decide a picture."""
ENCODER_PARTS = ("subject_encoder", "tower")
"""What decides it too where there is a subject-encoder: it reads the image half of the tower, which else only scores.
"""


ANIME = {"w_ref": 2.5}
"""What anime characters change in the numbers for natural subjects, Sec. 4."""


POCKET_PREVIEWS = ("on the beach, standing", "in the snow, arms up", "in the forest, sitting", "in the city, waving")


class ProfileUnknown(KeyError):
    """No profile has this name. The message lists those that exist."""

    def __str__(self) -> str:
        return str(self.args[0])


class Profile(BaseModel):
    """A model and its habits. `weights` is a folder in the plain diffusers layout (PARTS and model_index.json)."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    name: str
    weights: Path
    resolution: int = Field(description="side of the pictures the model was trained on, pixels")
    licence: str
    remedy: str = Field(description="the command or step that brings the weights where they are missing")
    natural: Sampling
    anime: Sampling
    tuning: FineTune = Field(default=FineTune(), description="how a subject is learnt, in mode lora")
    full_tuning: FineTune = Field(default=FineTune(mode="full"), description="how a subject is learnt, in mode full")
    knowing: Mapping[str, float] = Field(
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

        `learnt`: of a subject that the model was fine-tuned for. Without a subject-encoder beta is 0 by default.
        """
        defaults = (self.natural if style == "natural" else self.anime).model_dump()
        off = {} if self.has_encoder else {"beta": 0.0}
        return Sampling.model_validate({**defaults, **(self.knowing if learnt else {}), **off, **overrides})

    def finetuning(self, mode: Mode = "lora", **overrides: Any) -> FineTune:
        """The mode's defaults with `overrides` laid over, learning rates one by one (pydantic.ValidationError).

        Without a subject-encoder there is none while learning either.
        """
        defaults = (self.tuning if mode == "lora" else self.full_tuning).model_dump()
        if "lr" in overrides and isinstance(overrides["lr"], dict):
            overrides["lr"] = {**defaults["lr"], **overrides["lr"]}
        off = {} if self.has_encoder else {"beta": 0.0}
        return FineTune.model_validate({**defaults, **off, **overrides})

    def missing(self) -> list[str]:
        """Which of PARTS hold no config on disk; empty when a picture can be drawn."""
        return [part for part in PARTS if not any((self.weights / part).glob("*.json"))]


def pocket() -> Profile:
    """The embedded default: a small Stable Diffusion of 64 x 64 pictures, trained here from scratch."""
    # beta, on ten validation subjects: identity 77.3 % at 0, 78.4 at 0.2, 79.4 at 0.5, 81.6 at 1, prompts 98 % in all.
    # At 0.5 the encoder alone still stays below self-subject-attention, coarse below fine.
    numbers = Sampling(steps=20, resolution=64, w_r=2.0, w_c=4.0, beta=0.5)
    # A small model learns faster than Stable Diffusion and is fine-tuned on a CPU, so its rates are higher. A model
    # that has learnt the subject follows prompts better where fewer steps are guided by the reference, those by more.
    # Thirteen validation subjects, 16 pictures each, those with glasses, whose expressions are lost first, weighted as
    # they occur, 40 % (identity, prompts), p_r and w_r 0.6 and 3, 0.4 and 4, 0.3 and 5: mode full 90.0, 98.7 %; 90.2,
    # 98.9; 89.7, 98.9; mode lora 87.5, 98.6; 88.8, 98.8; 87.8, 98.7. At 0.4 and 4 with beta 0.3: 89.0, 99.2 and 86.1,
    # 98.6. MasaCtrl has 84.0, 98.3.
    knowing = {"p_r": 0.4, "w_r": 4.0}
    # The pairs show one scene, one pose and one expression, and the U-Net takes those up, so half of what it learnt is
    # kept. By p_r 0.6, w_r 3 and beta 0.5, six subjects (identity, prompts, CLIP-T), all, 0.8, 0.6, 0.5 and 0.4 kept in
    # mode full: 93.8, 97.3, 0.703; 92.8, 98.3, 0.718; 91.8, 99.0, 0.730; 91.1, 99.2, 0.735; 89.7, 99.2, 0.740; all and
    # 0.5 in mode lora: 90.2, 98.4, 0.705; 89.0, 99.0, 0.741. MasaCtrl has 83.9, 98.8, 0.729.
    tuning = FineTune(
        steps=300,
        beta=numbers.beta,
        caption="a {style} of a {subject}",
        unet_kept=0.5,
        lr=Rates(unet=4e-4, text_encoder=5e-5, resblocks=1e-4, word=1e-3),
        previews=tuple(f"a {{style}} of a {{subject}} {where}" for where in POCKET_PREVIEWS),
    )
    full = Rates(unet=5e-5, text_encoder=1e-5, resblocks=1e-4, word=1e-3)
    return Profile(
        name="pocket",
        weights=Path(__file__).parents[1] / "pocket" / "weights",
        resolution=64,
        licence="Apache-2.0",
        remedy="dreamtuner train pocket",
        natural=numbers,
        anime=numbers.model_copy(update=ANIME),
        knowing=knowing,
        tuning=tuning,
        full_tuning=tuning.model_copy(update={"mode": "full", "lr": full}),
    )


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
        anime=numbers.model_copy(update=ANIME),
    )


PROFILES = {"pocket": pocket}


def get_profile(name: str) -> Profile:
    """The profile of this name; ProfileUnknown lists those that exist."""
    if name not in PROFILES:
        raise ProfileUnknown(f"profile: there is no profile {name!r}; choose one of: {', '.join(sorted(PROFILES))}")
    return PROFILES[name]()
