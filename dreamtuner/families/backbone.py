"""What the method asks of a loaded model: pictures, text and latents into one another, and what predicts."""

from collections.abc import Mapping, Sequence
from contextlib import AbstractContextManager
from pathlib import Path
from typing import Any, Protocol, Self, runtime_checkable

import torch
from PIL import Image
from torch import Tensor, nn

from dreamtuner.attention.subject_encoder import TokenKeys
from dreamtuner.families.denoiser import Denoiser
from dreamtuner.models.layouts import Kind
from dreamtuner.models.profiles import Profile
from dreamtuner.settings.finetune import FineTuneConfig


class Parts(Protocol):
    """A loaded model, frozen. The method never changes it."""

    @property
    def device(self) -> torch.device:
        """Where every tensor of the loop is."""
        ...

    @property
    def scheduler(self) -> Any:
        """A template by diffusers' conventions (`from_config`, `set_timesteps`, `step`): every loop takes a copy."""
        ...

    def latent_shape(self, resolution: int) -> tuple[int, int, int]:
        """C H W of the latents of a square picture of `resolution` pixels. ValueError where there are none."""
        ...

    def encode_text(self, prompt: str) -> Tensor:
        """Encode one prompt: 1 L D. Alone, so that its batch cannot change its last bits."""
        ...

    def encode_image(self, image: Image.Image) -> Tensor:
        """Encode an RGB picture to scaled latents, C H W, drawing nothing at random."""
        ...

    def decode(self, x_0: Tensor) -> list[Image.Image]:
        """Decode scaled latents N C H W to N pictures, RGB."""
        ...

    def check_encoder(self) -> None:
        """ValueError where the model has no subject-encoder, which beta above 0 needs."""
        ...

    def subject_keys(self, image: Image.Image) -> Mapping[str, TokenKeys]:
        """Compute what every S-E-A layer reads of a subject on white (RGB). ValueError as `check_encoder`."""
        ...

    def denoiser(self, kinds: Sequence[Kind] = (), *, encoder: bool = False) -> Denoiser:
        """Give what predicts, led by ControlNets of these kinds, with S-E-A layers or without.

        LayoutError where there is no ControlNet of a kind, ValueError as `check_encoder`.
        """
        ...


class Backbone(Parts, Protocol):
    """The parts of a profile."""

    @property
    def profile(self) -> Profile:
        """The profile that was loaded."""
        ...

    @property
    def weights_digest(self) -> str:
        """sha256 of the weights that decide a picture, which every recipe names."""
        ...


@runtime_checkable
class FindsWords(Protocol):
    """A backbone that can say where the words of a prompt look: what masked baselines need."""

    def word_places(self, prompts: Sequence[str], word: str) -> Tensor:
        """Find where `word` stands in the text states of each prompt: N L bool."""
        ...

    def word_maps(self, words: Tensor) -> AbstractContextManager[list[Tensor]]:
        """In predictions inside, collect each cross-attention layer's weights on the words: rows x tokens, 0..1 each.

        words: N L bool, their places in the text states of each row.
        """
        ...


@runtime_checkable
class FineTunable(Backbone, Protocol):
    """A backbone of which parts can learn a subject (Sec. 3.3).

    The names of what learns are "unet" (what predicts, whatever it is), "text_encoder", and "encoder" where the model
    has a subject-encoder.
    """

    @property
    def tokenizer(self) -> Any:
        """What turns prompts into tokens; a learned token is one more of them."""
        ...

    @property
    def learnable(self) -> Mapping[str, Any]:
        """The models that may learn, by the names that checkpoints and learning rates call them."""
        ...

    def set_learning(self, settings: FineTuneConfig) -> None:
        """Make what the settings name require gradients, as whole weights or by LoRA; all else stays frozen."""
        ...

    def subject_states(self, image: Image.Image) -> Tensor:
        """Compute what the subject-encoder reads of a subject on white (RGB): 1 T C."""
        ...

    def with_tokenizer(self, tokenizer: Any) -> Self:
        """The same models behind another tokenizer."""
        ...

    def with_encoder(self, folder: Path) -> Self:
        """The same models with the subject-encoder of this folder in the place of their own."""
        ...

    def save(self, out: Path, *, tokenizer: Any, text_encoder: nn.Module) -> None:
        """Write the models to a folder that the family's own loader opens, with this text encoder and its tokenizer."""
        ...
