"""How much of what the U-Net learnt is kept: weights between their first and their last, as WiSE-FT (arXiv 2109.01903).

The pairs show one scene, one pose and one expression, which the U-Net learns as well; the encoder and [S*], which learn
the subject beside it, are kept whole.
"""

from __future__ import annotations

from contextlib import AbstractContextManager, nullcontext
from typing import Any

import torch
from torch import Tensor

from dreamtuner.families import lora
from dreamtuner.finetune.result import replaced_parameters
from dreamtuner.settings.finetune import FineTuneConfig
from dreamtuner.train.state import trainable


class WeightInterpolation:
    """`settings.unet_kept` of what a U-Net learns from now on: 1 is all of it, 0 is the U-Net as it is now.

    Of whole weights their first values are held in main memory, where less than all is kept.
    """

    def __init__(self, unet: Any, settings: FineTuneConfig) -> None:
        self._unet, self._share = unet, settings.unet_kept
        self._adapters = settings.mode == "lora"
        between = self._share < 1 and not self._adapters
        self._first = {name: p.detach().to("cpu", copy=True) for name, p in trainable(unet).items()} if between else {}

    def tensors(self) -> dict[str, Tensor]:
        """What is kept of what has been learnt so far, by name: weights, or LoRA matrices."""
        if self._adapters:
            return lora.adapters(self._unet, self._share)
        learnt = {name: p.detach() for name, p in trainable(self._unet).items()}
        kept = {name: torch.lerp(one.to(learnt[name]), learnt[name], self._share) for name, one in self._first.items()}
        return learnt | kept

    def applied(self) -> AbstractContextManager[None]:
        """Inside, the U-Net is what is kept; on leaving it is what learns."""
        if self._adapters:
            return lora.scaled_adapters(self._unet, self._share)
        return replaced_parameters(self._unet, self.tensors()) if self._first else nullcontext()
