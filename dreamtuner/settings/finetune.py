"""The numbers of a fine-tuning: what learns and how fast, and from which pairs. Torch is not needed to read them.

The defaults are the paper's (Sec. 3.3, App. A); a profile sets its own (`Profile.finetune`). Textual Inversion,
DreamBooth and their like are other values of the same fields.
"""

from __future__ import annotations

from typing import Annotated, ClassVar, Literal

from pydantic import BaseModel, ConfigDict, Field

from dreamtuner.settings.sampling import Number, Real, Whole

Rate = Annotated[float, Number, Field(gt=0, le=1)]
Part = Literal["unet", "text_encoder", "resblocks", "word"]
Mode = Literal["full", "lora"]


class Rates(BaseModel):
    """The learning rate of each group of parameters, 1e-6 and so on; null: it stays frozen."""

    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)

    unet: Rate | None = Field(default=1e-6, description="the U-Net; App. A")
    text_encoder: Rate | None = Field(
        default=1e-6, description="the text encoder, but for its token embeddings; App. A"
    )
    resblocks: Rate | None = Field(
        default=1e-6, description="the subject-encoder, but for its attention layers; needs beta > 0; App. A"
    )
    word: Rate | None = Field(
        default=5e-3, description="the embedding of [S*]; null: `word` is text that the model knows; App. A"
    )


LORA_RATES = Rates(unet=1e-4, text_encoder=1e-4, resblocks=1e-6, word=5e-3)
"""Adapters begin at zero and learn about a hundred times as fast as weights; ours, the paper gives none."""


class FineTuneConfig(BaseModel):
    """How a model learns one subject. Unknown keys are refused.

    A batch is the reference and one regular image (or the reference alone, where there are none). A field that is added
    gets a `recipe_fields.Later` with its neutral value, as in `Sampling`: otherwise every subject is fine-tuned again.
    """

    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)
    recipe_name: ClassVar[str] = "FineTune"
    """What digests of measurements call this class, whatever its name."""

    steps: Whole = Field(default=800, ge=1, le=100_000, description="optimizer steps at most; 800-1200, App. A")
    mode: Mode = Field(default="lora", description="full: the weights learn, App. A; lora: adapters to them")
    rank: Whole = Field(default=16, ge=1, le=1024, description="of the LoRA adapters, whose alpha is their rank; ours")
    unet_kept: Real = Field(
        default=1.0,
        ge=0,
        le=1,
        description="share of what the U-Net learnt that is kept, as WiSE-FT (arXiv 2109.01903); 1: all, App. A",
    )
    lr: Rates = Field(
        default_factory=lambda given: Rates() if given.get("mode") == "full" else LORA_RATES,
        description="learning rates; those of the paper in mode full",
    )
    batch: Whole = Field(default=1, ge=1, le=64, description="references a step, and as many regular images; App. A")
    flip: Real = Field(default=0.5, ge=0, le=1, description="probability that a picture is mirrored; 0.5, App. A")
    beta: Real = Field(
        default=0.2, ge=0, le=1, description="strength of the subject-encoder while learning; 0: it is not there"
    )

    word: str = Field(default="[S*]", pattern=r"^\S+$", max_length=40, description="the word that means the subject")
    init: str | None = Field(
        default=None, description="words that [S*]'s embedding begins as, their mean; null: the class word, Sec. 3.3"
    )
    subject: str = Field(
        default="{class_word} {word}", description="how prompts call the subject: 'class word [S*]', Sec. 3.3"
    )
    caption: str = Field(
        default="a {subject}",
        description="the caption of a pair; {subject}: with [S*] of the reference, else the class word",
    )

    background: Literal["white", "kept"] = Field(
        default="white", description="of the reference while learning; white, Sec. 3.3"
    )
    regular: Literal["subject", "prior", "none"] = Field(
        default="subject",
        description="regular images: like the subject, by SE + S-S-A (Sec. 3.3); by the plain model; none",
    )
    count: Whole = Field(default=32, ge=1, le=2000, description="regular images a subject; 32, App. A")

    seed: Whole = Field(default=0, ge=0, le=2**31 - 1)
    warmup: Whole = Field(default=0, ge=0, description="steps over which the learning rates rise")
    cooldown: Real = Field(default=0.0, ge=0, le=1, description="last share of the steps, over which they fall to 0")
    ema: Real = Field(
        default=0.0, ge=0, lt=1, description="decay of averaged weights, which are kept; 0: the last weights"
    )
    preview_every: Whole = Field(
        default=50, ge=1, description="steps between previews, which are scored against the reference"
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
        default=None, ge=1, description="stop after so many previews without a better identity; null: never"
    )

    def subject_words(self, class_word: str) -> str:
        """How a prompt calls the subject, such as "bear [S*]"."""
        return self.subject.replace("{class_word}", class_word).replace("{word}", self.word)

    @property
    def learns(self) -> tuple[Part, ...]:
        """The groups that learn; the subject-encoder only where it is seen."""
        parts: tuple[Part, ...] = ("unet", "text_encoder", "resblocks", "word")
        return tuple(p for p in parts if getattr(self.lr, p) is not None and (p != "resblocks" or self.beta > 0))
