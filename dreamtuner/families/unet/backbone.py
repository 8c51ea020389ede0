"""A Stable Diffusion 1.x or 2.x between pictures, text and latents; and that of a profile."""

from collections.abc import Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, Self

import torch
from diffusers.image_processor import VaeImageProcessor
from PIL import Image
from torch import Tensor, nn

from dreamtuner.attention.subject_encoder import TokenKeys
from dreamtuner.families.unet.build import stock_pipeline
from dreamtuner.families.unet.denoiser import UNetDenoiser
from dreamtuner.families.unet.finetune import set_learning
from dreamtuner.families.unet.load import load_controlnet, load_encoder
from dreamtuner.families.unet.subject_encoder import SubjectEncoder, hidden_states
from dreamtuner.families.unet.text import encode_text, word_places
from dreamtuner.families.unet.word_map import word_maps
from dreamtuner.models.layouts import Kind
from dreamtuner.models.profiles import Profile
from dreamtuner.settings.finetune import FineTuneConfig


@dataclass(frozen=True, eq=False, kw_only=True)
class UNetParts:
    """A Stable Diffusion in diffusers' own classes; the method never changes it.

    `scheduler` is a template: every loop takes a fresh copy. `place`: where tensors go, if not where the U-Net lies, as
    where models are loaded to a device only while they run. `controlnets`: by kind, those that are at hand.
    """

    unet: Any = field(repr=False)
    vae: Any = field(repr=False)
    text_encoder: Any = field(repr=False)
    tokenizer: Any = field(repr=False)
    scheduler: Any = field(repr=False)
    encoder: SubjectEncoder | None = field(default=None, repr=False)
    image_encoder: Any = field(default=None, repr=False)
    image_processor: Any = field(default=None, repr=False)
    controlnets: dict[Kind, Any] = field(default_factory=dict, repr=False)
    place: torch.device | None = None

    def require_encoder(self) -> SubjectEncoder:
        """The subject-encoder; ValueError where the profile has none."""
        if self.encoder is None:
            raise ValueError("sampling.beta: this profile has no subject-encoder; set beta to 0")
        return self.encoder

    def check_encoder(self) -> None:
        """ValueError where the profile has no subject-encoder."""
        self.require_encoder()

    def subject_keys(self, image: Image.Image) -> dict[str, TokenKeys]:
        """What every S-E-A layer reads of a subject on white (RGB), computed once for all steps and cells."""
        encoder = self.require_encoder()
        return encoder.keys(encoder(self.subject_states(image)))

    def subject_states(self, image: Image.Image) -> Tensor:
        """What the subject-encoder reads of a subject on white (RGB): hidden states of the image encoder, 1 T C."""
        encoder, vision = self.require_encoder(), self.image_encoder
        pixels = self.image_processor(image, return_tensors="pt").pixel_values.to(self.device, vision.dtype)
        return hidden_states(vision, pixels, encoder.config.depths).to(encoder.dtype)

    def controlnet(self, kind: Kind) -> Any:
        """The ControlNet of this kind. KeyError where it is not at hand."""
        return self.controlnets[kind]

    def denoiser(self, kinds: Sequence[Kind] = (), *, encoder: bool = False) -> UNetDenoiser:
        """The U-Net, led by ControlNets of these kinds, with the subject-encoder's layers or without."""
        return UNetDenoiser(
            self.unet,
            getattr(self.scheduler, "alphas_cumprod", None),
            {kind: self.controlnet(kind) for kind in kinds},
            self.require_encoder() if encoder else None,
        )

    @property
    def device(self) -> torch.device:
        """Where every tensor of the loop is."""
        device: torch.device = self.unet.device if self.place is None else self.place
        return device

    @property
    def pixels_per_latent(self) -> int:
        """f: the side of the square of pixels that one latent covers."""
        return 1 << (len(self.vae.config.block_out_channels) - 1)

    def latent_shape(self, resolution: int) -> tuple[int, int, int]:
        """C H W of the latents of a square picture. ValueError when its side in pixels is no multiple of f."""
        if resolution % self.pixels_per_latent:
            raise ValueError(
                f"sampling.resolution: {resolution} is not a multiple of {self.pixels_per_latent}; choose one"
            )
        side = resolution // self.pixels_per_latent
        return int(self.unet.config.in_channels), side, side

    def encode_text(self, prompt: str) -> Tensor:
        """One prompt -> 1 L D, padded to the encoder's length. Alone, so that its batch cannot change its last bits."""
        states = encode_text(self.tokenizer, self.text_encoder, prompt, self.device)
        return states if self.unet is None else states.to(self.unet.dtype)

    def word_places(self, prompts: Sequence[str], word: str) -> Tensor:
        """Where `word` stands in the text states of each prompt: N L bool."""
        return word_places(self.tokenizer, prompts, word)

    def word_maps(self, words: Tensor) -> AbstractContextManager[list[Tensor]]:
        """In calls of the U-Net inside, the cross-attention maps of words, as `word_map.word_maps`."""
        return word_maps(self.unet, words)

    def encode_image(self, image: Image.Image) -> Tensor:
        """RGB, sides multiples of f -> C H W scaled latents: the mode of the posterior, so nothing is drawn."""
        pixels = VaeImageProcessor(self.pixels_per_latent).preprocess(image).to(self.device, self.vae.dtype)
        encoded = self.vae.encode(pixels)  # AutoencoderTiny has no posterior
        latents = encoded.latent_dist.mode() if hasattr(encoded, "latent_dist") else encoded.latents
        x_0: Tensor = latents[0] * self.vae.config.scaling_factor
        return x_0.to(self.unet.dtype)

    def decode_pixels(self, x_0: Tensor) -> Tensor:
        """Scaled latents N C H W -> pixels N 3 H W, -1..1 and a little beyond."""
        pixels: Tensor = self.vae.decode(x_0.to(self.vae.dtype) / self.vae.config.scaling_factor, return_dict=False)[0]
        return pixels

    def decode(self, x_0: Tensor) -> list[Image.Image]:
        """Scaled latents N C H W -> N pictures, RGB."""
        pixels = self.decode_pixels(x_0)
        pictures: list[Image.Image] = VaeImageProcessor(self.pixels_per_latent).postprocess(pixels, output_type="pil")
        return pictures


@dataclass(frozen=True, eq=False, kw_only=True)
class UNetBackbone(UNetParts):
    """The parts of a profile, frozen and in eval mode. `weights_digest`: see the function of that name."""

    weights_digest: str
    profile: Profile

    def controlnet(self, kind: Kind) -> Any:
        """The profile's ControlNet of this kind, loaded when first asked for. LayoutError where there is none."""
        if kind not in self.controlnets:
            self.controlnets[kind] = load_controlnet(self.profile, kind, device=str(self.device), dtype=self.unet.dtype)
        return self.controlnets[kind]

    @property
    def learnable(self) -> Mapping[str, Any]:
        """What may learn a subject, by the names of checkpoints."""
        models = {"unet": self.unet, "text_encoder": self.text_encoder}
        return models if self.encoder is None else {**models, "encoder": self.encoder}

    def set_learning(self, settings: FineTuneConfig) -> None:
        """Have what the settings name learn, and nothing else."""
        set_learning(self.unet, self.text_encoder, settings, encoder=self.encoder)

    def with_tokenizer(self, tokenizer: Any) -> Self:
        """The same models behind another tokenizer."""
        return replace(self, tokenizer=tokenizer)

    def with_encoder(self, folder: Path) -> Self:
        """The same models with the subject-encoder of this folder."""
        return replace(self, encoder=load_encoder(folder, device=str(self.device)))

    def save(self, out: Path, *, tokenizer: Any, text_encoder: nn.Module) -> None:
        """Write a folder in the plain diffusers layout, the subject-encoder in it."""
        stock_pipeline(
            vae=self.vae, text_encoder=text_encoder, tokenizer=tokenizer, unet=self.unet, scheduler=self.scheduler
        ).save_pretrained(out)
        if self.encoder is not None:
            self.encoder.save_pretrained(out / "subject_encoder")
