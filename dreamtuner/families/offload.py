"""Keeps a model's weights in main memory and moves them to the device only while they compute.

`model`: whole models take turns on the device, in groups that work together: the denoiser with its ControlNets and
subject-encoder, the text encoders, the autoencoder, the image encoder. `group`: every layer is moved by itself, which
needs the least memory and takes the most time. The images are the same to the last bit.
"""

from __future__ import annotations

from typing import Any

import torch
from accelerate.hooks import ModelHook, add_hook_to_module
from diffusers.hooks import apply_group_offloading

from dreamtuner.families.placement import HOME, Offload


class Offloader:
    """Offloads models to main memory; of their groups, one at a time is on the device in the mode `model`."""

    def __init__(self, mode: Offload, device: torch.device) -> None:
        self.device = device
        self._mode = mode
        self._groups: dict[str, list[Any]] = {}
        self._on_device: str | None = None
        self._moved: list[Any] = []

    def add(self, model: Any, group: str) -> None:
        """Offload a model, which computes in turns with the other models of its group."""
        if self._mode == "group":
            # without a stream: with one, diffusers keeps copies of the weights, which merged LoRAs would not change
            apply_group_offloading(model, self.device, HOME, offload_type="leaf_level")
        elif self._mode == "model":
            model.to(HOME)
            self._groups.setdefault(group, []).append(model)
            add_hook_to_module(model, _Turn(self, group), append=True)

    def take(self, model: Any, group: str) -> None:
        """Move a model to the device; models of other groups leave it."""
        if group != self._on_device:
            for other in self._groups.get(self._on_device or "", ()):
                other.to(HOME)
            if self._moved and self.device.type == "cuda":
                torch.cuda.empty_cache()
            self._on_device, self._moved = group, []
        if not any(model is one for one in self._moved):
            model.to(self.device)
            self._moved.append(model)


class _Turn(ModelHook):  # type: ignore[misc]
    """Takes the device before a model computes. diffusers' autoencoders call it for `encode` and `decode`, too."""

    def __init__(self, offloader: Offloader, group: str) -> None:
        super().__init__()
        self._offloader, self._group = offloader, group

    def pre_forward(self, module: Any, *args: Any, **kwargs: Any) -> tuple[Any, Any]:
        self._offloader.take(module, self._group)
        return args, kwargs
