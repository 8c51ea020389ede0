"""Frozen settings of one image: every number of the paper, its symbol, and its source in the paper."""

from collections.abc import Mapping
from typing import Annotated, Any, Literal, NamedTuple, Self

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, model_validator

from dreamtuner.settings.recipe_fields import Later
from dreamtuner.settings.schedulers import find_scheduler
from dreamtuner.settings.size import Size, square_side

Style = str
"""The name of a style in `settings.styles.STYLES`: natural, anime, or one that another package adds."""

ENGINE_VERSION = 1
"""Part of every cell's digest. Increment it when equal settings would generate a different image than before."""

AS_PRINTED: Mapping[str, Any] = {"inversion": 0.0, "reference_from": 0.0}
"""What makes sampling that of Eq. 2 to 6 as the paper prints them, whatever else a profile adds."""


def _no_text(value: Any) -> Any:
    if isinstance(value, str | bool):
        raise ValueError(f"must be a number, not {value!r}; write a number, without quotes")
    return value


Number = BeforeValidator(_no_text)
"""Rejects numbers written as strings or as booleans, which are mistakes in specs, options and arguments alike."""

Whole = Annotated[int, Number]
Real = Annotated[float, Number]
Scale = Annotated[float, Number, Field(ge=0, le=100)]
Probability = Annotated[float, Number, Field(ge=0, le=1)]
Offset = Annotated[int, Number, Field(ge=0, le=999)]


Dtype = Literal["float32", "bfloat16", "float16", "auto"]
PromptSyntax = Literal["literal", "weighted"]
NegativeIn = Literal["text", "all"]
Crop = Literal["square", "none"]
Strength = Annotated[float, Number, Field(ge=0, le=2)]
Weight = Annotated[float, Number, Field(ge=-10, le=10)]


class TextSettings(NamedTuple):
    """How prompts, negative prompts and captions of references are encoded: see these fields of `Sampling`."""

    clip_skip: int = 0
    syntax: PromptSyntax = "literal"


class Sampling(BaseModel):
    """Settings that determine an image besides weights, reference, prompt and seed. Unknown keys are rejected.

    The paper gives values of `w_ref` and `p_r`, but none of `w_r`, `w_c`, `dt` and `dt'`: those are ours, and a profile
    sets its own (`Profile.sampling`). Each field's description states its symbol and source.

    These fields are in every digest. A field that is added later needs a `recipe_fields.Later` with its neutral value,
    so that no existing image is generated again.
    """

    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)

    steps: Whole = Field(default=20, ge=1, le=1000, description="scheduler steps from x_T to x_0; ours")
    resolution: Whole = Field(default=64, ge=16, le=4096, multiple_of=8, description="side of the image, pixels; ours")
    w_ref: Scale = Field(
        default=3.0,
        description="w_ref, weight of a subject token in S-S-A, Eq. 3; 3.0 natural, 2.5 anime, Sec. 4; 0 = off",
    )
    p_r: Probability = Field(
        default=0.9,
        description="p_r, probability that a step is guided by the reference, Eq. 6; 0.9, Sec. 4",
    )
    w_r: Scale = Field(default=2.0, description="w_r, scale of reference guidance, Eq. 4; ours; 1 = unguided")
    w_c: Scale = Field(default=7.5, description="w_c, scale of text guidance, Eq. 5; ours, the usual 7.5; 1 = unguided")
    dt: Offset = Field(
        default=10,
        description="dt, training timesteps: the wanted branch sees x^r_{t-dt}, Eq. 4-5; ours, 1 % of the chain",
    )
    dt_prime: Offset = Field(
        default=10,
        description="dt', training timesteps: the undesired branch sees x^r_{t+dt'}, Eq. 5; ours, 1 % of the chain",
    )
    beta: Probability = Field(
        default=0.0,
        description="beta, strength of the subject-encoder, Eq. 1; the paper's 0.2, Sec. 4; 0 = no encoder",
    )
    inversion: Annotated[Probability, Later(neutral=0.0)] = Field(
        default=0.0,
        description="a, share of the reference's DDIM inversion in x_T = sqrt(1 - a^2) noise + a inversion; ours; "
        "0 = the seed's noise alone, 1 = seeds make no difference",
    )
    reference_from: Annotated[Probability, Later(neutral=0.0)] = Field(
        default=0.0,
        description="share of the steps, the first ones, that do not see the reference and are guided by text alone; "
        "ours; 0 = all steps see it",
    )
    size: Annotated[Size, Later(neutral=None)] = Field(
        default=None, description="width x height, pixels, such as 768x512; null: a square of `resolution`"
    )
    reference_crop: Annotated[Crop, Later(neutral="square")] = Field(
        default="square",
        description="square: the reference is cropped to a square around the subject, of about the image's area; "
        "none: it keeps its aspect ratio",
    )
    reference_resolution: Annotated[Whole | None, Later(neutral=None)] = Field(
        default=None,
        ge=16,
        le=4096,
        multiple_of=16,  # what the latents of all families divide
        description="side of the reference's square, or of a square of its area, pixels; null: about the image's area",
    )
    scheduler: Annotated[str | None, Later(neutral=None)] = Field(
        default=None,
        min_length=1,
        description="scheduler by its usual name, such as DPM++ 2M Karras; null: the model's",
    )
    eta: Annotated[Probability, Later(neutral=0.0)] = Field(
        default=0.0,
        description="eta, noise that DDIM adds in each step: 0 = none, 1 = DDPM's (arXiv 2010.02502, Eq. 16)",
    )
    guidance_rescale: Annotated[Probability, Later(neutral=0.0)] = Field(
        default=0.0,
        description="phi, rescales the guided prediction to the wanted branch's (arXiv 2305.08891, Sec. 3.4)",
    )
    clip_skip: Annotated[Whole, Later(neutral=0)] = Field(
        default=0, ge=0, le=12, description="last layers of the text encoder to skip, as diffusers counts: 0 = none"
    )
    prompt_syntax: Annotated[PromptSyntax, Later(neutral="literal")] = Field(
        default="literal",
        description="weighted: (word:1.2), BREAK and long prompts are understood; literal: plain text",
    )
    negative_in: Annotated[NegativeIn, Later(neutral="text")] = Field(
        default="text",
        description="steps in which a negative prompt acts: text = those of Eq. 5, 1 - p_r of them; all = Eq. 4's too",
    )
    loras: Annotated[Mapping[str, Weight], Later(neutral={})] = Field(
        default={}, description="weights of the profile's LoRAs by name, such as {watercolour: 0.8}"
    )
    vae: Annotated[str | None, Later(neutral=None)] = Field(
        default=None, min_length=1, description="one of the profile's `vaes` by name; null: the model's own"
    )
    freeu: Annotated[tuple[Real, Real, Real, Real] | None, Later(neutral=None)] = Field(
        default=None, description="FreeU's s1, s2, b1, b2 (arXiv 2309.11497), such as [0.9, 0.2, 1.2, 1.4]; null: off"
    )
    control_weights: Annotated[Mapping[str, Strength], Later(neutral={})] = Field(
        default={}, description="scale of each ControlNet's residuals by kind, such as {pose: 0.8}; others: 1"
    )
    dtype: Annotated[Dtype, Later(neutral="float32")] = Field(
        default="float32", description="what the models compute in; auto: bfloat16 or float16 where the device has it"
    )
    vae_tiling: Annotated[bool, Later(neutral=False)] = Field(
        default=False,
        description="the autoencoder works in overlapping tiles of its own size, so that a large image takes little "
        "memory; blending changes pixels near their borders",
    )
    second_pass: Annotated[Real, Later(neutral=1.0)] = Field(
        default=1.0,
        ge=1,
        le=4,
        description="enlarges the image by this factor and denoises it once more, with the subject; 1 = no second pass",
    )
    second_strength: Annotated[Probability, Later(neutral=0.5)] = Field(
        default=0.5, gt=0, description="share of the steps, the last ones, that the second pass repeats"
    )
    upscale: Annotated[Real, Later(neutral=1.0)] = Field(
        default=1.0, ge=1, le=8, description="enlarges the finished image by this factor, by `upscaler`; 1 = not"
    )
    upscaler: Annotated[str | None, Later(neutral=None)] = Field(
        default=None, min_length=1, description="lanczos, or one of the profile's `upscalers` by name; null: lanczos"
    )
    cutout: Annotated[str | None, Later(neutral=None)] = Field(
        default=None,
        min_length=1,
        description="a masker, such as grabcut, whose mask of the image becomes its alpha channel; null: none",
    )

    @model_validator(mode="after")
    def _one_spelling(self) -> Self:
        """Write equal settings alike, so that they have one digest: neutral weights and square sizes are omitted.

        A scheduler that is not known keeps its name: a recipe can be read without the package that adds it.
        """
        size, side = self.size, self.resolution
        if size is not None:
            side = square_side(self.width, self.height)
            size = None if self.width == self.height else size
        loras = {name: self.loras[name] for name in sorted(self.loras) if self.loras[name] != 0}
        scales = {kind: self.control_weights[kind] for kind in sorted(self.control_weights)}
        scales = {kind: scale for kind, scale in scales.items() if scale != 1}
        stated: dict[str, Any] = {"size": size, "resolution": side, "loras": loras, "control_weights": scales}
        if self.reference_resolution == side:
            stated["reference_resolution"] = None
        if self.second_pass == 1:
            stated["second_strength"] = 0.5
        if self.upscale == 1 or self.upscaler == "lanczos":
            stated["upscaler"] = None
        if self.scheduler is not None:
            found = find_scheduler(self.scheduler)
            stated["scheduler"] = self.scheduler if found is None else found.name
        for name, value in stated.items():
            object.__setattr__(self, name, value)
        return self

    def without_adapters(self) -> Self:
        """Return the settings with the model's own weights in float32, the seeds' noise and one pass alone."""
        own: dict[str, Any] = {"loras": {}, "vae": None, "freeu": None, "dtype": "float32", **AS_PRINTED}
        first = {"second_pass": 1.0, "second_strength": 0.5, "upscale": 1.0, "upscaler": None, "cutout": None}
        return self.model_copy(update={**own, **first})

    @property
    def text(self) -> TextSettings:
        """How every text of the image is encoded."""
        return TextSettings(self.clip_skip, self.prompt_syntax)

    def merged(self, *changes: Mapping[str, Any]) -> dict[str, Any]:
        """Return the fields updated by each mapping in turn, not validated.

        A later `resolution` replaces a `size`, and a single step, which cannot be inverted, an `inversion`.
        """
        values = self.model_dump()
        for one in changes:
            if "resolution" in one:
                values["size"] = None
            if one.get("steps") == 1:
                values["inversion"] = 0.0
            values.update(one)
        return values

    @property
    def reference_side(self) -> int:
        """Side of the reference's square, or of a square of its area, pixels."""
        return self.resolution if self.reference_resolution is None else self.reference_resolution

    @property
    def width(self) -> int:
        """Width of the image, pixels."""
        return self.resolution if self.size is None else int(self.size.partition("x")[0])

    @property
    def height(self) -> int:
        """Height of the image, pixels."""
        return self.resolution if self.size is None else int(self.size.partition("x")[2])
