"""Settings of a fine-tuning: what is trained, how fast, and on which pairs. No torch.

The defaults are the paper's (Sec. 3.3, App. A); a profile sets its own (`Profile.tuning` for mode lora,
`Profile.full_tuning` for mode full). Textual Inversion, DreamBooth and similar methods are other values of the same
fields.
"""

from __future__ import annotations

from typing import Annotated, Any, ClassVar, Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationInfo, field_validator

from dreamtuner.settings.optimizers import OptimizerName
from dreamtuner.settings.recipe_fields import Later
from dreamtuner.settings.sampling import Number, Real, Whole

Rate = Annotated[float, Number, Field(gt=0, le=1)]
Part = Literal["unet", "text_encoder", "resblocks", "word"]
Mode = Literal["full", "lora"]
Precision = Literal["float32", "bfloat16"]
Target = Literal["to_q", "to_k", "to_v", "to_out.0", "ff.net.0.proj", "ff.net.2"]
ATTENTION: tuple[Target, ...] = ("to_q", "to_k", "to_v", "to_out.0")
"""The projections of all attention layers, which a U-Net's adapters are for by default."""

ADAPTERS_ALONE = ("alpha", "targets", "dora")
"""Fields that mean nothing in mode full."""


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
    rank: Whole = Field(default=16, ge=1, le=1024, description="rank of the LoRA adapters; ours")
    alpha: Annotated[Real | None, Later(None)] = Field(
        default=None, gt=0, le=4096, description="adapters are scaled by alpha / rank; null: alpha equals the rank"
    )
    targets: Annotated[tuple[Target, ...], Later(list(ATTENTION))] = Field(
        default=ATTENTION, min_length=1, description="the U-Net's layers that get adapters, by the ends of their names"
    )
    unet_kept: Real = Field(
        default=1.0,
        ge=0,
        le=1,
        description="alpha of the interpolation between first and trained U-Net weights (WiSE-FT, arXiv 2109.01903); "
        "1: the trained ones, App. A",
    )
    dora: Annotated[bool, Later(False)] = Field(
        default=False, description="adapters with a magnitude of their own (DoRA, arXiv 2402.09353)"
    )
    lr: Rates = Field(
        default_factory=lambda given: Rates() if given.get("mode") == "full" else LORA_RATES,
        description="learning rates; the paper's in mode full",
    )
    batch: Whole = Field(default=1, ge=1, le=64, description="references per step, and as many class images; App. A")
    accumulate: Annotated[Whole, Later(1)] = Field(
        default=1, ge=1, le=1024, description="batches per step, one after the other, whose gradients are averaged"
    )
    optimizer: Annotated[OptimizerName, Later("adamw")] = Field(
        default="adamw",
        description="adamw; adamw16bit: its moments in bfloat16; adamw8bit: in 8 bits, by bitsandbytes on CUDA; "
        "adafactor: without moments",
    )
    precision: Annotated[Precision, Later("float32")] = Field(
        default="float32",
        description="bfloat16: autocast; what is trained is held in float32, everything else in bfloat16",
    )
    gradient_checkpointing: Annotated[bool, Later(False)] = Field(
        default=False,
        description="compute the U-Net's activations again in the backward pass: far less memory, a third more time",
    )
    snr_gamma: Annotated[Real | None, Later(5.0)] = Field(
        default=5.0, gt=0, description="gamma of min-SNR loss weights (arXiv 2303.09556); null: equal weights"
    )
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
    prior_weight: Annotated[Real, Later(1.0)] = Field(
        default=1.0, ge=0, le=100, description="weight of class images in the loss; the reference's is 1"
    )

    seed: Whole = Field(default=0, ge=0, le=2**31 - 1)
    warmup: Whole = Field(default=0, ge=0, description="steps over which the learning rates rise")
    cooldown: Real = Field(default=0.0, ge=0, le=1, description="last fraction of the steps, over which they fall to 0")
    ema: Real = Field(
        default=0.0,
        ge=0,
        lt=1,
        description="decay of the averaged weights, which become the result; 0: the last weights, none are averaged",
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

    @field_validator(*ADAPTERS_ALONE)
    @classmethod
    def _adapters_alone(cls, value: Any, info: ValidationInfo) -> Any:
        neutral = {"alpha": None, "targets": ATTENTION, "dora": False}[str(info.field_name)]
        if info.data.get("mode") == "full" and value != neutral:
            raise ValueError("it is for adapters, and mode is full; remove it, or set mode to lora")
        return value

    @field_validator("dora")
    @classmethod
    def _dora_whole(cls, value: bool, info: ValidationInfo) -> bool:
        if value and info.data.get("unet_kept", 1) < 1:
            raise ValueError("its magnitudes cannot be interpolated; set unet_kept to 1, or dora to false")
        return value

    @field_validator("prior_weight")
    @classmethod
    def _weighs_something(cls, value: float, info: ValidationInfo) -> float:
        if info.data.get("regular") == "none" and value != 1:
            raise ValueError("there are no class images to weight; remove it, or set regular to subject or prior")
        return value

    @field_validator("lr")
    @classmethod
    def _something_learns(cls, value: Rates, info: ValidationInfo) -> Rates:
        if all(rate is None for _, rate in value):
            raise ValueError("every learning rate is null, so nothing would be trained; set one")
        return value

    def subject_words(self, class_word: str) -> str:
        """Return how a prompt names the subject, such as "bear [S*]"."""
        return self.subject.replace("{class_word}", class_word).replace("{word}", self.word)

    @property
    def learns(self) -> tuple[Part, ...]:
        """The parameter groups that are trained; the subject-encoder only if beta > 0."""
        parts: tuple[Part, ...] = ("unet", "text_encoder", "resblocks", "word")
        return tuple(p for p in parts if getattr(self.lr, p) is not None and (p != "resblocks" or self.beta > 0))
