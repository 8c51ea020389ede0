"""The parts that draw, between pictures, text and latents; and a profile's, loaded from the plain diffusers layout."""

import json
import logging
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import diffusers
import torch
from diffusers.image_processor import VaeImageProcessor
from diffusers.models.autoencoders.autoencoder_kl import AutoencoderKL
from diffusers.models.unets.unet_2d_condition import UNet2DConditionModel
from PIL import Image
from torch import Tensor
from transformers import CLIPModel, CLIPTextModel, CLIPTokenizer
from transformers.models.clip.image_processing_pil_clip import CLIPImageProcessorPil

from dreamtuner.attention.subject_encoder import TokenKeys
from dreamtuner.families.unet.controlnet import load_controlnet
from dreamtuner.families.unet.subject_encoder import SubjectEncoder, hidden_states
from dreamtuner.models.layouts import Kind
from dreamtuner.models.profiles import Profile
from dreamtuner.models.weights import demand, weights_digest

_log = logging.getLogger(__name__)


@dataclass(frozen=True, eq=False, kw_only=True)
class Parts:
    """A Stable Diffusion in diffusers' own classes; the method never changes it.

    `scheduler` is a template: every loop takes a fresh copy. `place`: where tensors go, if not where the U-Net lies, as
    where models are loaded to a device only while they run.
    """

    unet: Any = field(repr=False)
    vae: Any = field(repr=False)
    text_encoder: Any = field(repr=False)
    tokenizer: Any = field(repr=False)
    scheduler: Any = field(repr=False)
    encoder: SubjectEncoder | None = field(default=None, repr=False)
    image_encoder: Any = field(default=None, repr=False)
    image_processor: Any = field(default=None, repr=False)
    place: torch.device | None = None

    def demand_encoder(self) -> SubjectEncoder:
        """The subject-encoder; ValueError where the profile has none."""
        if self.encoder is None:
            raise ValueError("sampling.beta: this profile has no subject-encoder; set beta to 0")
        return self.encoder

    def subject_keys(self, image: Image.Image) -> dict[str, TokenKeys]:
        """What every S-E-A layer reads of a subject on white (RGB), computed once for all steps and cells."""
        encoder = self.demand_encoder()
        return encoder.keys(encoder(self.subject_states(image)))

    def subject_states(self, image: Image.Image) -> Tensor:
        """What the subject-encoder reads of a subject on white (RGB): hidden states of the image encoder, 1 T C."""
        encoder, vision = self.demand_encoder(), self.image_encoder
        pixels = self.image_processor(image, return_tensors="pt").pixel_values.to(self.device, vision.dtype)
        return hidden_states(vision, pixels, encoder.config.depths).to(encoder.dtype)

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
        length = self.tokenizer.model_max_length
        inputs = self.tokenizer(prompt, padding="max_length", max_length=length, truncation=True, return_tensors="pt")
        whole = len(self.tokenizer(prompt, truncation=False, verbose=False)["input_ids"])
        if whole > length:
            _log.warning("prompt %r is %d tokens, the model reads %d; its end is cut off", prompt, whole, length)
        masked = getattr(self.text_encoder.config, "use_attention_mask", False)
        mask = inputs["attention_mask"].to(self.device) if masked else None
        states: Tensor = self.text_encoder(inputs["input_ids"].to(self.device), attention_mask=mask)[0]
        return states if self.unet is None else states.to(self.unet.dtype)

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
class Backbone(Parts):
    """The parts of a profile, frozen and in eval mode. `weights_digest`: see the function of that name."""

    weights_digest: str
    profile: Profile
    _controlnets: dict[Kind, Any] = field(default_factory=dict, repr=False)

    def controlnet(self, kind: Kind) -> Any:
        """The profile's ControlNet of this kind, loaded when first asked for. LayoutRefused where there is none."""
        if kind not in self._controlnets:
            self._controlnets[kind] = load_controlnet(
                self.profile, kind, device=str(self.device), dtype=self.unet.dtype
            )
        return self._controlnets[kind]


def load_backbone(profile: Profile, *, device: str = "cpu", dtype: torch.dtype | None = None) -> Backbone:
    """Load a profile's weights, `dtype` float32 by default. WeightsMissing says what is not there and how to get it."""
    demand(profile)
    folder, kind = profile.weights, dtype or torch.float32
    settings = json.loads((folder / "scheduler" / "scheduler_config.json").read_text())
    models = [
        AutoencoderKL.from_pretrained(folder, subfolder="vae", torch_dtype=kind, local_files_only=True),
        UNet2DConditionModel.from_pretrained(folder, subfolder="unet", torch_dtype=kind, local_files_only=True),
        CLIPTextModel.from_pretrained(folder, subfolder="text_encoder", dtype=kind, local_files_only=True),
    ]
    vae, unet, text_encoder = (model.requires_grad_(False).eval().to(device) for model in models)
    encoder, image_encoder, processor = _load_encoder(profile, device, kind)
    return Backbone(
        unet=unet,
        vae=vae,
        text_encoder=text_encoder,
        tokenizer=CLIPTokenizer.from_pretrained(folder, subfolder="tokenizer", local_files_only=True),
        scheduler=getattr(diffusers, settings["_class_name"]).from_config(settings),
        weights_digest=weights_digest(profile),
        profile=profile,
        encoder=encoder,
        image_encoder=image_encoder,
        image_processor=processor,
    )


def _load_encoder(profile: Profile, device: str, dtype: torch.dtype) -> tuple[SubjectEncoder | None, Any, Any]:
    """The subject-encoder with the image encoder that it reads, or nothing where the profile has none."""
    folder = profile.weights / "subject_encoder"
    if not folder.is_dir():
        return None, None, None
    encoder = load_encoder(folder, device=device, dtype=dtype)
    vision = CLIPModel.from_pretrained(profile.tower, dtype=dtype, local_files_only=True).vision_model
    processor = CLIPImageProcessorPil.from_pretrained(profile.tower, local_files_only=True)
    return encoder, vision.requires_grad_(False).eval().to(device), processor


def load_encoder(folder: Path, *, device: str = "cpu", dtype: torch.dtype = torch.float32) -> SubjectEncoder:
    """A subject-encoder from its own folder, frozen."""
    encoder: SubjectEncoder = SubjectEncoder.from_pretrained(folder, torch_dtype=dtype, local_files_only=True)
    frozen: SubjectEncoder = encoder.requires_grad_(False).eval().to(device)
    return frozen
