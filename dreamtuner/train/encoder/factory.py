"""Builds stage 1 for a profile on prepared images, in every process of the training."""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

import torch

from dreamtuner.families.backbone import EncoderTrainable
from dreamtuner.families.registry import encoder_trainable, load_backbone
from dreamtuner.families.text_states import TextStates
from dreamtuner.families.unet.subject_encoder import SubjectEncoder
from dreamtuner.models.layouts import Kind, require_controlnet
from dreamtuner.models.profiles import Profile
from dreamtuner.models.weights import parts_digest
from dreamtuner.train.data.order import Order, held_out
from dreamtuner.train.data.prepared import DataError, Places, PreparedImages
from dreamtuner.train.encoder.normalise import Normalise
from dreamtuner.train.encoder.settings import EncoderSettings
from dreamtuner.train.encoder.source import PreparedSource
from dreamtuner.train.encoder.stage import EncoderStage, Frozen
from dreamtuner.train.encoder.validation import ValidatedStage, Validation

DEPTH: Kind = "depth"


@dataclass(frozen=True)
class EncoderFactory:
    """Builds the stage. `places`: where the prepared images are; `start`: the folder of an encoder to continue from."""

    profile: Profile
    places: Places
    settings: EncoderSettings
    start: Path | None = None

    def build(self, device: torch.device) -> EncoderStage:
        """Load the frozen models, in bfloat16 if that is what is computed in, and a new encoder in float32.

        Raises:
            DataError: the images were prepared for other weights, or with other kinds of control images.
        """
        s = self.settings
        images = PreparedImages(self.places)
        self.check(images)
        backbone = self.backbone(device)
        chosen, apart = held_out(len(images), s.validation)
        index = images.index
        order = Order(
            index.shard, index.width * 2**20 + index.height, chosen, batch=s.batch, seed=s.loop.seed, window=s.window
        )
        kind = DEPTH if s.controlnet else None
        tags = s.tags if images.manifest.plan.tags else None
        source = PreparedSource(images, order, at_once=s.at_once, kind=kind, tags=tags, device=device)
        frozen = frozen_of(backbone, s)
        if not len(apart):
            return EncoderStage(backbone.encoder, frozen, source)
        validation = Validation(backbone, images, apart.tolist(), s, kind, device)
        return ValidatedStage(backbone.encoder, frozen, source, validation)

    def check(self, images: PreparedImages) -> None:
        """Raise DataError unless the images fit profile and settings; LayoutError without the ControlNet."""
        plan = images.manifest.plan
        if plan.weights != prepared_by(self.profile):
            raise DataError(
                f"data: the images were prepared for other weights (profile {plan.profile}) than those of "
                f"{self.profile.name}; prepare them for this profile"
            )
        if self.settings.controlnet:
            require_controlnet(self.profile, DEPTH)
            if DEPTH not in plan.kinds:
                raise DataError("data: the images were prepared without depth; prepare them with it, or train without")

    def backbone(self, device: torch.device) -> EncoderTrainable:
        """Load the frozen models and put an encoder to be trained into them."""
        s = self.settings
        dtype = torch.bfloat16 if s.loop.autocast(device.type) else torch.float32
        backbone = encoder_trainable(load_backbone(self.profile, device=str(device), dtype=dtype))
        ready = backbone.with_untrained_encoder(s.width, resblocks=s.resblocks)
        if self.start is not None:
            ready.encoder.load_state_dict(SubjectEncoder.from_pretrained(self.start).state_dict())
        ready.encoder.requires_grad_(True).train()
        if s.checkpointing:
            ready.checkpoint_gradients()
        return ready


def frozen_of(backbone: EncoderTrainable, settings: EncoderSettings) -> Frozen:
    """Return the frozen models of a backbone with the encoder to be trained."""
    kinds = (DEPTH,) if settings.controlnet else ()
    denoiser = backbone.denoiser(kinds, encoder=True)

    @lru_cache(maxsize=256)
    def encoded(caption: str) -> TextStates:
        return backbone.encode_text(caption).to(dtype=denoiser.dtype)

    @torch.no_grad()
    def text(captions: list[str]) -> TextStates:
        return TextStates.cat([encoded(one) for one in captions])

    processor = backbone.image_processor
    return Frozen(denoiser, text, backbone.image_encoder, Normalise.of(processor), backbone.scheduler)


def prepared_by(profile: Profile) -> str:
    """Return the digest of the weights that prepared images depend on: autoencoder, text encoders, CLIP model."""
    parts = [one for one in profile.image_parts if one.startswith(("vae", "text_encoder", "tokenizer"))]
    return parts_digest(profile, (*parts, "tower"))
