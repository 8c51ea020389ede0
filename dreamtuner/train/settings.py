"""Settings of the training loop, independent of what is trained."""

from __future__ import annotations

from typing import Literal

import torch
from pydantic import BaseModel, ConfigDict, Field

from dreamtuner.settings.optimizers import OptimizerName


class LoopSettings(BaseModel):
    """Settings of the training loop. Unknown keys are rejected."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    steps: int = Field(ge=0, description="optimizer steps in all; 0 keeps the weights that the stage starts from")
    lr: float = Field(gt=0, description="peak learning rate")
    warmup: int = Field(100, ge=0, description="steps of linear warm-up")
    cooldown: float = Field(0.2, ge=0, le=1, description="last share of the steps, over which lr falls linearly to 0")
    weight_decay: float = Field(0.0, ge=0)
    optimizer: OptimizerName = Field(
        "adamw", description="adamw, adamw16bit (moments in bfloat16), adamw8bit (CUDA, by bitsandbytes) or adafactor"
    )
    accumulate: int = Field(1, ge=1, description="batches of a process per step, whose gradients are averaged")
    betas: tuple[float, float] = (0.9, 0.99)
    clip: float = Field(1.0, gt=0, description="largest norm of the gradient")
    ema: float = Field(
        0.999, ge=0, lt=1, description="decay of the averaged weights, warmed up as (1+n)/(10+n); 0: no average is kept"
    )
    seed: int = 0
    log_every: int = Field(50, gt=0)
    save_every: int = Field(500, gt=0, description="steps between saved states")
    save_minutes: float | None = Field(
        None, gt=0, description="minutes between saved states that are not small, instead of `save_every`"
    )
    preview_every: int | None = Field(None, gt=0, description="steps between previews, for stages that have them")
    precision: Literal["fp32", "bf16", "auto"] = Field(
        "fp32", description="bf16: autocast on fp32 weights; auto: bf16 where the device computes it natively"
    )

    def autocast(self, device: str) -> bool:
        """Whether to compute in bfloat16 on ``device``: a CPU without bf16 units is four times slower with it."""
        if self.precision == "auto":
            found = torch.cpu.get_capabilities() if device == "cpu" else {}
            return device != "cpu" or bool(found.get("avx512_bf16") or found.get("amx_bf16"))
        return self.precision == "bf16"

    def lr_at(self, step: int) -> float:
        """Learning rate of ``step`` (0-based): trapezoid of warm-up, plateau and cool-down."""
        up = (step + 1) / max(1, self.warmup)
        down = (self.steps - step) / max(1.0, self.cooldown * self.steps)
        return self.lr * max(0.0, min(1.0, up, down))
