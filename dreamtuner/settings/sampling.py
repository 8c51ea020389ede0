"""Frozen settings of one image: every number of the paper, its symbol, and its source in the paper."""

from typing import Annotated, Any

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field

Style = str
"""The name of a style in `settings.styles.STYLES`: natural, anime, or one that another package adds."""

ENGINE_VERSION = 1
"""Part of every cell's digest. Increment it when equal settings would generate a different image than before."""


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
