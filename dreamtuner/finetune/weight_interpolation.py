"""Interpolates the U-Net's weights between their initial and trained values (WiSE-FT, arXiv 2109.01903).

The pairs show a single scene, pose and expression, which the U-Net learns too. The encoder and [S*] are not
interpolated.
"""

from __future__ import annotations

from contextlib import AbstractContextManager, nullcontext
from typing import Any

import torch
from torch import Tensor

from dreamtuner.families import lora
from dreamtuner.families.parameters import replaced_parameters
from dreamtuner.settings.finetune import FineTuneConfig
from dreamtuner.train.state import trainable


class WeightInterpolation:
    """Interpolates a U-Net with alpha = `settings.unet_kept`: 1 is the trained U-Net, 0 the U-Net as it is now.

    With full weights and alpha < 1, the initial values are held in main memory.
    """

    def __init__(self, unet: Any, settings: FineTuneConfig) -> None:
        self._unet, self._share = unet, settings.unet_kept
        self._adapters = settings.mode == "lora"
        between = self._share < 1 and not self._adapters
        self._first = {name: p.detach().to("cpu", copy=True) for name, p in trainable(unet).items()} if between else {}

    def tensors(self) -> dict[str, Tensor]:
        """Return the interpolated weights or LoRA matrices, by name."""
        if self._adapters:
            return lora.adapters(self._unet, self._share)
        learnt = {name: p.detach() for name, p in trainable(self._unet).items()}
        first = self._first
        return learnt | {name: torch.lerp(first[name].to(learnt[name]), learnt[name], self._share) for name in first}

    def applied(self) -> AbstractContextManager[None]:
        """Use the interpolated weights inside the context; restore the trained ones on exit."""
        if self._adapters:
            return lora.scaled_adapters(self._unet, self._share)
        return replaced_parameters(self._unet, self.tensors()) if self._first else nullcontext()
