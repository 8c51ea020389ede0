"""The backbone of Stable Diffusion 1.x and 2.x: conversion between images, text and latents, and its denoiser."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass, field, replace
from functools import partial
from pathlib import Path
from typing import Any, Self, TypeVar

import torch
from diffusers.image_processor import VaeImageProcessor
from PIL import Image
from torch import Tensor, nn

from dreamtuner.attention.subject_encoder import TokenKeys
from dreamtuner.families.compiled import compile_blocks
from dreamtuner.families.offload import Offloader
from dreamtuner.families.placement import HOME, Offload
from dreamtuner.families.text_states import TextStates
from dreamtuner.families.unet.adapt import adapted
from dreamtuner.families.unet.build import stock_pipeline
from dreamtuner.families.unet.conversion.portable import make_portable
from dreamtuner.families.unet.denoiser import UNetDenoiser
from dreamtuner.families.unet.finetune import set_learning
from dreamtuner.families.unet.load import load_controlnet, load_encoder, load_image_encoder
from dreamtuner.families.unet.memory import decode_bytes, row_bytes
from dreamtuner.families.unet.subject_encoder import SubjectEncoder, hidden_states
from dreamtuner.families.unet.text import encode_text, word_places
from dreamtuner.families.unet.word_map import word_maps
from dreamtuner.models.adapters import Adapters
from dreamtuner.models.layouts import Kind
from dreamtuner.models.profiles import Profile
from dreamtuner.models.weights import require_clip
from dreamtuner.settings.finetune import FineTuneConfig
from dreamtuner.settings.sampling import TextSettings

_LITERAL = TextSettings()
M = TypeVar("M")


def tokenizer_of(text_encoder: str) -> str:
    """Return the name of a text encoder's tokenizer: text_encoder_2 -> tokenizer_2."""
    return text_encoder.replace("text_encoder", "tokenizer")


@dataclass(frozen=True, eq=False, kw_only=True)
class UNetParts:
    """A Stable Diffusion in diffusers' own classes; the method never changes it.

    `scheduler` is a template that every loop copies. `place`: the device of tensors if it differs from the U-Net's, as
    with CPU offloading. `controlnets`: the loaded ones, by kind.
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
        """Return the subject-encoder. Raises ValueError if the profile has none."""
        if self.encoder is None:
            raise ValueError("sampling.beta: this profile has no subject-encoder; set beta to 0")
        return self.encoder

    def check_encoder(self) -> None:
        """Raise ValueError if the profile has no subject-encoder."""
        self.require_encoder()

    def subject_keys(self, image: Image.Image) -> dict[str, TokenKeys]:
        """Compute the keys and values of every S-E-A layer for a subject on white (RGB), once for all steps."""
        encoder = self.require_encoder()
        return encoder.keys(encoder(self.subject_states(image)))

    def subject_states(self, image: Image.Image) -> Tensor:
        """Compute the subject-encoder's input for a subject on white (RGB): hidden states of CLIP, 1 T C."""
        encoder, vision = self.require_encoder(), self.image_encoder
        pixels = self.image_processor(image, return_tensors="pt").pixel_values.to(self.device, vision.dtype)
        return hidden_states(vision, pixels, encoder.config.depths).to(encoder.dtype)

    def controlnet(self, kind: Kind) -> Any:
        """Return the ControlNet of this kind. Raises KeyError if it is not loaded."""
        return self.controlnets[kind]

    def denoiser(
        self,
        kinds: Sequence[Kind] = (),
        *,
        encoder: bool = False,
        control_weights: Mapping[Kind, float] | None = None,
    ) -> UNetDenoiser:
        """Return the U-Net with ControlNets of these kinds and, if `encoder`, the subject-encoder's layers."""
        return UNetDenoiser(
            self.unet,
            getattr(self.scheduler, "alphas_cumprod", None),
            {kind: self.controlnet(kind) for kind in kinds},
            self.require_encoder() if encoder else None,
            control_weights or {},
            self.scheduler.config.get("sigma_data"),
        )

    @property
    def device(self) -> torch.device:
        """The device of all tensors of the loop."""
        device: torch.device = self.unet.device if self.place is None else self.place
        return device

    @property
    def text_encoders(self) -> Mapping[str, Any]:
        """The text encoders, by name."""
        return {"text_encoder": self.text_encoder}

    @property
    def tokenizers(self) -> Mapping[str, Any]:
        """The tokenizers, by the names of their text encoders."""
        return {name: getattr(self, tokenizer_of(name)) for name in self.text_encoders}

    @property
    def pixels_per_latent(self) -> int:
        """f: the side, in pixels, of the square that one latent covers."""
        return 1 << (len(self.vae.config.block_out_channels) - 1)

    def latent_shape(self, width: int, height: int | None = None) -> tuple[int, int, int]:
        """Return C H W of the latents of an image. Raises ValueError unless its sides are multiples of f.

        The U-Net itself takes any latents: each of its levels halves the last, rounding up.
        """
        f, tall = self.pixels_per_latent, width if height is None else height
        for side in (width, tall):
            if side % f:
                field = "resolution" if width == tall else "size"
                raise ValueError(f"sampling.{field}: {side} is not a multiple of {f}; choose one that is")
        return int(self.unet.config.in_channels), tall // f, width // f

    def row_bytes(self, width: int, height: int) -> int:
        """Estimate the memory of a row of the U-Net; see `EstimatesMemory`."""
        _, rows, columns = self.latent_shape(width, height)
        return row_bytes(self.unet, (rows, columns))

    def decode_bytes(self, width: int, height: int) -> int:
        """Estimate the memory of decoding an image; see `EstimatesMemory`."""
        return decode_bytes(self.vae, width, height)

    def encode_text(self, prompt: str | None, settings: TextSettings = _LITERAL) -> TextStates:
        """Encode one prompt, padded to a multiple of the encoder's length, on its own: the same bits in any batch."""
        states = TextStates(encode_text(self.tokenizer, self.text_encoder, prompt or "", self.device, settings))
        return states if self.unet is None else states.to(dtype=self.unet.dtype)

    def word_places(self, prompts: Sequence[str], word: str, settings: TextSettings = _LITERAL) -> Tensor:
        """Find the positions of `word` in the text states of each prompt: N L bool, L that of the longest."""
        return word_places(self.tokenizer, prompts, word, settings.syntax)

    def word_maps(self, words: Tensor) -> AbstractContextManager[list[Tensor]]:
        """Collect the cross-attention maps of words in U-Net calls inside, as `word_map.word_maps` does."""
        return word_maps(self.unet, words)

    def encode_image(self, image: Image.Image) -> Tensor:
        """Encode RGB, sides multiples of f, to C H W scaled latents: the mode of the posterior, so deterministic."""
        pixels = VaeImageProcessor(self.pixels_per_latent).preprocess(image).to(self.device, self.vae.dtype)
        encoded = self.vae.encode(pixels)  # AutoencoderTiny has no posterior
        latents = encoded.latent_dist.mode() if hasattr(encoded, "latent_dist") else encoded.latents
        return self.scaled(latents)[0].to(self.unet.dtype)

    def decode_pixels(self, x_0: Tensor) -> Tensor:
        """Decode scaled latents N C H W to pixels N 3 H W, about -1..1 (not clamped)."""
        pixels: Tensor = self.vae.decode(self.unscaled(x_0.to(self.vae.dtype)), return_dict=False)[0]
        return pixels

    def scaled(self, latents: Tensor) -> Tensor:
        """Scale what the autoencoder encodes, N C H W, to the deviation that the U-Net was trained on."""
        x_0: Tensor = latents * self.vae.config.scaling_factor
        return x_0

    def unscaled(self, x_0: Tensor) -> Tensor:
        """Undo `scaled`."""
        latents: Tensor = x_0 / self.vae.config.scaling_factor
        return latents

    @contextmanager
    def tiling(self) -> Iterator[None]:
        """See `dreamtuner.families.inference_memory.TilesImages`."""
        if self.vae.use_tiling:
            yield
            return
        self.vae.enable_tiling()
        try:
            yield
        finally:
            self.vae.disable_tiling()

    def decode(self, x_0: Tensor) -> list[Image.Image]:
        """Decode scaled latents N C H W to N RGB images."""
        pixels = self.decode_pixels(x_0)
        pictures: list[Image.Image] = VaeImageProcessor(self.pixels_per_latent).postprocess(pixels, output_type="pil")
        return pictures


@dataclass(frozen=True, eq=False, kw_only=True)
class UNetBackbone(UNetParts):
    """The parts of a profile, frozen and in eval mode. `weights_digest`: see the function of that name.

    `read`: the LoRAs and VAEs read so far, by file and digest. `offloader`: keeps the models in main memory, or None.
    """

    weights_digest: str
    profile: Profile
    read: dict[tuple[str, str], Any] = field(default_factory=dict, repr=False)
    offloader: Offloader | None = field(default=None, repr=False)

    def controlnet(self, kind: Kind) -> Any:
        """Return the profile's ControlNet of this kind, loaded on first use. Raises LayoutError if there is none."""
        if kind not in self.controlnets:
            load = partial(load_controlnet, self.profile, kind, dtype=self.unet.dtype)
            self.controlnets[kind] = self.placed(load, "denoiser")
        return self.controlnets[kind]

    def offloaded(self, mode: Offload, device: str) -> Self:
        """See `dreamtuner.families.placement.Offloadable`."""
        offloader = Offloader(mode, torch.device(device))
        for model in (self.unet, self.encoder, *self.controlnets.values()):
            if model is not None:
                offloader.add(model, "denoiser")
        for model in self.text_encoders.values():
            offloader.add(model, "text")
        offloader.add(self.vae, "vae")
        if self.image_encoder is not None:
            offloader.add(self.image_encoder, "image")
        return replace(self, place=torch.device(device), offloader=offloader)

    def placed(self, load: Callable[..., M], group: str) -> M:
        """Return the model of `load(device=...)` on the device of the others, offloaded with those of `group`."""
        if self.offloader is None:
            return load(device=str(self.device))
        model = load(device=str(HOME))
        self.offloader.add(model, group)
        return model

    def compile_blocks(self) -> None:
        """See `dreamtuner.families.compiled.Compilable`."""
        compile_blocks(self.unet)

    def adapted(self, adapters: Adapters) -> AbstractContextManager[Self]:
        """See `dreamtuner.families.backbone.Adaptable`."""
        return adapted(self, adapters)

    @property
    def embedding_names(self) -> Mapping[str, str]:
        """Empty: a file of embeddings names the token."""
        return {}

    def kohya_name(self, part: str, layer: str) -> str:
        """Return what kohya's trainer calls a layer: diffusers' name with underscores."""
        return {"unet": "lora_unet_", "text_encoder": "lora_te_"}[part] + layer.replace(".", "_")

    def stock(self, **models: Any) -> Any:
        """Return the stock pipeline of these models, `models` instead of its own."""
        own = {name: getattr(self, name) for name in ("vae", "text_encoder", "tokenizer", "unet", "scheduler")}
        return stock_pipeline(**{**own, **models})

    @property
    def learnable(self) -> Mapping[str, Any]:
        """The trainable models, by their names in checkpoints."""
        models = {"unet": self.unet, **self.text_encoders}
        return models if self.encoder is None else {**models, "encoder": self.encoder}

    @property
    def fixed(self) -> Sequence[Any]:
        """The loaded models that are never trained."""
        return [model for model in (self.vae, self.image_encoder, *self.controlnets.values()) if model is not None]

    def set_learning(self, settings: FineTuneConfig) -> None:
        """Make the parts that the settings name trainable, and nothing else."""
        set_learning(self.unet, tuple(self.text_encoders.values()), settings, encoder=self.encoder)

    def with_tokenizers(self, tokenizers: Mapping[str, Any]) -> Self:
        """Return a backbone of the same models with other tokenizers, by the names of their text encoders."""
        return replace(self, **{tokenizer_of(name): one for name, one in tokenizers.items()})

    def with_encoder(self, folder: Path) -> Self:
        """Return a backbone of the same models with the subject-encoder of this folder."""
        return replace(self, encoder=self.placed(partial(load_encoder, folder), "denoiser"))

    def with_untrained_encoder(self, width: int, *, resblocks: int = 2) -> Self:
        """Return a backbone of the same models with a new subject-encoder; see `EncoderTrainable`."""
        vision, processor = self.image_encoder, self.image_processor
        if vision is None:
            require_clip(self.profile)
            vision, processor = load_image_encoder(self.profile, device=str(self.device), dtype=self.unet.dtype)
        new = SubjectEncoder.for_unet(self.unet, vision, width=width, resblocks=resblocks).to(self.device)
        return replace(self, encoder=new, image_encoder=vision, image_processor=processor)

    def checkpoint_gradients(self) -> None:
        """See `EncoderTrainable`."""
        self.unet.enable_gradient_checkpointing()

    def save(self, out: Path, *, tokenizers: Mapping[str, Any], text_encoders: Mapping[str, nn.Module]) -> None:
        """Write a folder in the plain diffusers layout, including the subject-encoder; transformers 4 opens it too."""
        words = {tokenizer_of(name): one for name, one in tokenizers.items()}
        self.stock(**words, **text_encoders).save_pretrained(out)
        make_portable(out)
        if self.encoder is not None:
            self.encoder.save_pretrained(out / "subject_encoder")
