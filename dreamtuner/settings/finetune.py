"""Settings of a fine-tuning: what is trained, how fast, and on which pairs. No torch.

The defaults are the paper's (Sec. 3.3, App. A); a profile sets its own (`Profile.tuning` for mode lora,
`Profile.full_tuning` for mode full). Textual Inversion, DreamBooth and similar methods are other values of the same
fields.
"""

from __future__ import annotations

from typing import Annotated, ClassVar, Literal

from pydantic import BaseModel, ConfigDict, Field

from dreamtuner.settings.sampling import Number, Real, Whole

Rate = Annotated[float, Number, Field(gt=0, le=1)]
Part = Literal["unet", "text_encoder", "resblocks", "word"]
Mode = Literal["full", "lora"]


class Rates(BaseModel):
    """The learning rate of each parameter group, such as 1e-6; null: the group stays frozen."""

    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)

    unet: Rate | None = Field(default=1e-6, description="the U-Net; App. A")
    text_encoder: Rate | None = Field(default=1e-6, description="the text encoder, except its token embeddings; App. A")
    resblocks: Rate | None = Field(
        default=1e-6, description="the subject-encoder, except its attention layers; needs beta > 0; App. A"
    )
    word: Rate | None = Field(default=5e-3, description="the embedding of [S*]; null: `word` is ordinary text; App. A")


LORA_RATES = Rates(unet=1e-4, text_encoder=1e-4, resblocks=1e-6, word=5e-3)
"""Adapters start at zero and need about a hundred times the learning rate of weights; ours, the paper gives none."""


class FineTuneConfig(BaseModel):
    """How a model is fine-tuned on one subject. Unknown keys are rejected.

    A batch is the reference and one class image (or only the reference if there are none). A field that is added later
    needs a `recipe_fields.Later` with its neutral value, as in `Sampling`: otherwise every subject is fine-tuned again.
    """

    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)
    recipe_name: ClassVar[str] = "FineTune"
    """What digests of measurements call this class, whatever its name."""

    steps: Whole = Field(default=800, ge=1, le=100_000, description="optimizer steps at most; 800-1200, App. A")
    mode: Mode = Field(default="lora", description="full: train all weights, App. A; lora: train LoRA adapters")
    rank: Whole = Field(default=16, ge=1, le=1024, description="rank of the LoRA adapters; alpha equals the rank; ours")
    unet_kept: Real = Field(
        default=1.0,
        ge=0,
        le=1,
        description="alpha of the interpolation between first and trained U-Net weights (WiSE-FT, arXiv 2109.01903); "
        "1: the trained ones, App. A",
    )
    lr: Rates = Field(
        default_factory=lambda given: Rates() if given.get("mode") == "full" else LORA_RATES,
        description="learning rates; the paper's in mode full",
    )
    batch: Whole = Field(default=1, ge=1, le=64, description="references per step, and as many class images; App. A")
    flip: Real = Field(default=0.5, ge=0, le=1, description="probability that an image is mirrored; 0.5, App. A")
    beta: Real = Field(default=0.2, ge=0, le=1, description="strength of the subject-encoder during training; 0: off")

    word: str = Field(
        default="[S*]",
        pattern=r"^\S+$",
        max_length=40,
        description="the learned token: the word that stands for the subject",
    )
    init: str | None = Field(
        default=None, description="words whose mean embedding initialises [S*]; null: the class word, Sec. 3.3"
    )
    subject: str = Field(
        default="{class_word} {word}", description="how prompts name the subject: 'class word [S*]', Sec. 3.3"
    )
    caption: str = Field(
        default="a {subject}",
        description="caption of a training image; {subject} has [S*] for the reference, only the class word otherwise",
    )

    background: Literal["white", "kept"] = Field(
        default="white", description="background of the reference during training; white, Sec. 3.3"
    )
    regular: Literal["subject", "prior", "none"] = Field(
        default="subject",
        description="class images: similar to the subject, by SE + S-S-A (Sec. 3.3); by the plain model; none",
    )
    count: Whole = Field(default=32, ge=1, le=2000, description="class images per subject; 32, App. A")

    seed: Whole = Field(default=0, ge=0, le=2**31 - 1)
    warmup: Whole = Field(default=0, ge=0, description="steps over which the learning rates rise")
    cooldown: Real = Field(default=0.0, ge=0, le=1, description="last fraction of the steps, over which they fall to 0")
    ema: Real = Field(
        default=0.0,
        ge=0,
        lt=1,
        description="decay of the averaged weights, which become the result; 0: the last weights",
    )
    preview_every: Whole = Field(
        default=50, ge=1, description="steps between previews, which are scored by similarity to the reference"
    )
    previews: tuple[str, ...] = Field(
        default=(
            "a {style} of a {subject}",
            "a {style} of a {subject} on the beach",
            "a {style} of a {subject} in the snow",
        ),
        min_length=1,
        description="prompts of the previews",
    )
    patience: Whole | None = Field(
        default=None, ge=1, description="stop after this many previews without a higher score; null: never"
    )

    def subject_words(self, class_word: str) -> str:
        """Return how a prompt names the subject, such as "bear [S*]"."""
        return self.subject.replace("{class_word}", class_word).replace("{word}", self.word)

    @property
    def learns(self) -> tuple[Part, ...]:
        """The parameter groups that are trained; the subject-encoder only if beta > 0."""
        parts: tuple[Part, ...] = ("unet", "text_encoder", "resblocks", "word")
        return tuple(p for p in parts if getattr(self.lr, p) is not None and (p != "resblocks" or self.beta > 0))
