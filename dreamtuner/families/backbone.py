"""The interface of a loaded model: conversion between images, text and latents, and the denoiser."""

from collections.abc import Mapping, Sequence
from contextlib import AbstractContextManager
from pathlib import Path
from typing import Any, Protocol, Self, runtime_checkable

import torch
from PIL import Image
from torch import Tensor, nn

from dreamtuner.attention.subject_encoder import TokenKeys
from dreamtuner.families.denoiser import Denoiser
from dreamtuner.families.text_states import TextStates
from dreamtuner.models.adapters import Adapters
from dreamtuner.models.layouts import Kind
from dreamtuner.models.profiles import Profile
from dreamtuner.settings.finetune import FineTuneConfig
from dreamtuner.settings.sampling import TextSettings


class Parts(Protocol):
    """A loaded, frozen model. The method never changes it."""

    @property
    def device(self) -> torch.device:
        """The device of all tensors of the loop."""
        ...

    @property
    def scheduler(self) -> Any:
        """A template with diffusers' interface (`from_config`, `set_timesteps`, `step`); every loop copies it."""
        ...

    def latent_shape(self, width: int, height: int | None = None) -> tuple[int, int, int]:
        """Return C H W of the latents of an image, pixels. `height`: None for a square.

        Raises ValueError, which names the field of `Sampling`, if the model generates no images of this size.
        """
        ...

    def encode_text(self, prompt: str | None, settings: TextSettings = ...) -> TextStates:
        """Encode one prompt to a row of text states, on its own, so that its bits do not depend on a batch.

        None is no prompt, of an empty one's length: what guidance compares with if there is no negative prompt. Most
        models encode the two alike. By default a prompt is literal, with no layers skipped; all texts of an image are
        encoded with the same settings.
        Raises ValueError, which names the setting, if the model does not support one.
        """
        ...

    def encode_image(self, image: Image.Image) -> Tensor:
        """Encode an RGB image to scaled latents, C H W, deterministically."""
        ...

    def decode(self, x_0: Tensor) -> list[Image.Image]:
        """Decode scaled latents N C H W to N RGB images."""
        ...

    def check_encoder(self) -> None:
        """Raise ValueError if the model has no subject-encoder, which beta > 0 requires."""
        ...

    def subject_keys(self, image: Image.Image) -> Mapping[str, TokenKeys]:
        """Compute the keys and values of every S-E-A layer for a subject on white (RGB). Raises as `check_encoder`."""
        ...

    def denoiser(
        self,
        kinds: Sequence[Kind] = (),
        *,
        encoder: bool = False,
        control_weights: Mapping[Kind, float] | None = None,
    ) -> Denoiser:
        """Return the denoiser, with ControlNets of these kinds and, if `encoder`, the S-E-A layers.

        `control_weights`: the scale of each ControlNet's residuals by kind; 1 where it states none.

        Raises LayoutError if the model lacks a ControlNet of a kind, and ValueError as `check_encoder` does.
        """
        ...


class Backbone(Parts, Protocol):
    """The parts of a profile."""

    @property
    def profile(self) -> Profile:
        """The loaded profile."""
        ...

    @property
    def weights_digest(self) -> str:
        """SHA-256 of the weights that determine an image; every recipe contains it."""
        ...


@runtime_checkable
class FindsWords(Protocol):
    """A backbone that gives the cross-attention maps of words of the prompt, which masked baselines need."""

    def word_places(self, prompts: Sequence[str], word: str, settings: TextSettings = ...) -> Tensor:
        """Find the positions of `word` in the text states of each prompt: N L bool, L that of the longest."""
        ...

    def word_maps(self, words: Tensor) -> AbstractContextManager[list[Tensor]]:
        """Collect each cross-attention layer's weights on the words in predictions inside: rows x tokens, 0..1 each.

        words: N L bool, the positions of the words in the text states of each row.
        """
        ...


@runtime_checkable
class Adaptable(Backbone, Protocol):
    """A backbone that can use LoRAs, other VAEs, embeddings and FreeU of its profile."""

    def adapted(self, adapters: Adapters) -> AbstractContextManager[Self]:
        """Return a context with a backbone of the same models that uses the adapters.

        LoRAs are merged into the weights, so that captured keys and values contain them. On exit the models are
        restored bit for bit. The texts to encode name an embedding's vectors one by one (`Adapters.expand`). Raises
        ValueError, which names the adapter that does not fit.
        """
        ...


@runtime_checkable
class HasFixedParts(Protocol):
    """A backbone that names its models that are never trained, so that a fine-tuning can hold them in bfloat16."""

    @property
    def fixed(self) -> Sequence[nn.Module]:
        """The loaded models that are never trained."""
        ...


@runtime_checkable
class FineTunable(Backbone, Protocol):
    """A backbone whose parts can be fine-tuned on a subject (Sec. 3.3).

    The names of the trainable parts are "unet" (the denoising model, of whatever architecture), "text_encoder", further
    ones such as "text_encoder_2", and "encoder" if the model has a subject-encoder.
    """

    @property
    def tokenizers(self) -> Mapping[str, Any]:
        """The tokenizers, by the names of their text encoders in `learnable`; a learned token is added to each."""
        ...

    @property
    def embedding_names(self) -> Mapping[str, str]:
        """What files of embeddings call each text encoder; empty if they name the token instead."""
        ...

    @property
    def learnable(self) -> Mapping[str, Any]:
        """The trainable models, by their names in checkpoints and learning rates."""
        ...

    def set_learning(self, settings: FineTuneConfig) -> None:
        """Make the parts that the settings name trainable, as full weights or by LoRA; everything else stays frozen."""
        ...

    def subject_states(self, image: Image.Image) -> Tensor:
        """Compute the subject-encoder's input for a subject on white (RGB): 1 T C."""
        ...

    def kohya_name(self, part: str, layer: str) -> str:
        """Return what kohya's trainer calls a layer of a part: lora_unet_down_blocks_0_... or lora_te_text_model_..."""
        ...

    def with_tokenizers(self, tokenizers: Mapping[str, Any]) -> Self:
        """Return a backbone of the same models with other tokenizers, named as in `tokenizers`."""
        ...

    def with_encoder(self, folder: Path) -> Self:
        """Return a backbone of the same models with the subject-encoder of this folder instead of their own."""
        ...

    def save(self, out: Path, *, tokenizers: Mapping[str, Any], text_encoders: Mapping[str, nn.Module]) -> None:
        """Write the models, with these text encoders and tokenizers, to a folder that the family's own loader reads."""
        ...


@runtime_checkable
class EncoderTrainable(Backbone, Protocol):
    """A backbone for which a subject-encoder can be trained (stage 1, Sec. 3.1)."""

    @property
    def encoder(self) -> Any:
        """The subject-encoder, or None."""
        ...

    @property
    def image_encoder(self) -> Any:
        """The image branch of the CLIP model that the subject-encoder reads, or None without one."""
        ...

    @property
    def image_processor(self) -> Any:
        """The CLIP model's image processor, or None without a subject-encoder."""
        ...

    @property
    def pixels_per_latent(self) -> int:
        """f: the side, in pixels, of the square that one latent covers."""
        ...

    def with_untrained_encoder(self, width: int, *, resblocks: int = 2) -> Self:
        """Return a backbone of the same models with a new subject-encoder, float32, whose tokens have `width` channels.

        Raises WeightsMissingError if the profile has no CLIP model.
        """
        ...

    def checkpoint_gradients(self) -> None:
        """Let the denoiser compute its blocks again in backward passes instead of holding their activations."""
        ...
