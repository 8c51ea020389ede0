"""Trains the U-Net and its text encoder: v-prediction on latents of single images and of character sheets."""

from __future__ import annotations

import copy
import random
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import torch
from PIL import Image
from torch import Tensor, nn
from transformers import CLIPTextModel

from dreamtuner.families.unet import build
from dreamtuner.families.unet.load import read_unet
from dreamtuner.families.unet.training_attention import WrittenOutAttention
from dreamtuner.pocket.training.autoencoder import load_latents, scaling_factor, to_model, trained_autoencoder
from dreamtuner.pocket.training.loss_weights import covered_by, load_emphasis, load_pair_emphasis
from dreamtuner.pocket.training.preview import generate_preview
from dreamtuner.pocket.training.shards import (
    PER_IDENTITY,
    Pair,
    Picture,
    load_pair_truth,
    load_truth,
    shard_file,
    shard_files,
)
from dreamtuner.pocket.training.text import WIDTH, encode_captions, new_text_encoder, new_tokenizer
from dreamtuner.pocket.training.warm_start import start_from
from dreamtuner.pocket.training.words import Attribute, crowding, sample_contrast, separate
from dreamtuner.pocket.world.captions import sample_caption, sample_pair_caption, sheet_caption
from dreamtuner.pocket.world.render import SIZE
from dreamtuner.pocket.world.together import Cast
from dreamtuner.train.diffusion import FLOOR, Drawn, diffusion_loss
from dreamtuner.train.stage import place
from dreamtuner.train.state import load_ema

DROP_CAPTION = 0.10  # share of empty captions, for classifier-free guidance
DETAILED_SHEET = 0.2  # share of detailed captions; few, as named attributes need not be copied from the other panel
LEADING_SHEET, LEAD = 0.8, 1000  # share of sheets with one less noisy panel, and by how many timesteps at most
LED = 4.0  # loss weight of the noisier panel relative to the less noisy one
SINGLE_EVERY = 3  # steps; single images teach prompts, all other steps are sheets, which teach copying identity
SINGLE_EVERY_WITH_PAIRS = 2  # if single images include two subjects
PAIRS = 0.35  # share of single images that show two subjects


def new_unet() -> Any:
    """Build an untrained U-Net: self- and cross-attention at 16 x 16, 8 x 8 and 4 x 4, 5.9 M parameters."""
    return build.new_unet(
        sample_size=16,
        in_channels=8,
        out_channels=8,
        block_out_channels=(64, 96, 128),
        layers_per_block=1,
        down_block_types=("CrossAttnDownBlock2D",) * 3,
        up_block_types=("CrossAttnUpBlock2D",) * 3,
        cross_attention_dim=WIDTH,
        attention_head_dim=(2, 3, 4),  # diffusers counts heads here: 32 channels each
        norm_num_groups=16,
    )


def new_scheduler() -> Any:
    """Build the scheduler: zero terminal SNR, v-prediction, trailing steps."""
    return build.new_scheduler(
        prediction_type="v_prediction",
        rescale_betas_zero_snr=True,
        timestep_spacing="trailing",
        set_alpha_to_one=True,
    )


class TextConditionedUNet(nn.Module):
    """The U-Net and its text encoder, which are trained together."""

    def __init__(self) -> None:
        super().__init__()
        self.tokenizer = new_tokenizer()
        self.unet = new_unet()
        self.text_encoder = new_text_encoder(self.tokenizer)

    def predict(self, x_t: Tensor, t: Tensor, captions: list[str]) -> Tensor:
        """Return v, (B, 8, H, W), for noisy latents (B, 8, H, W), timesteps (B,) and B captions."""
        v: Tensor = self.unet(x_t, t, encode_captions(self.tokenizer, self.text_encoder, captions, x_t.device)).sample
        return v


def assemble(model: TextConditionedUNet, vae: Any) -> Any:
    """Assemble the stock pipeline from these parts."""
    return build.stock_pipeline(
        vae=vae,
        text_encoder=model.text_encoder,
        tokenizer=model.tokenizer,
        unet=model.unet,
        scheduler=new_scheduler(),
    )


@dataclass(frozen=True)
class Pairs:
    """Images of two subjects: latents (N, 8, 16, 16) and maps as of the stage, both float16, and ground truth."""

    latents: Tensor
    maps: Tensor
    truth: list[Pair]

    @classmethod
    def load(cls, data: Path, count: int, latents: Path, contrast: tuple[Attribute, ...] = ()) -> Pairs:
        """Load the images of ``count`` shards of pairs in ``data``."""
        files, truth = [shard_file(data, i, "pairs") for i in range(count)], load_pair_truth(data, count)
        found = load_latents(latents)
        factor = SIZE // found.shape[-1]
        inside = torch.maximum(*(covered_by(contrast, [pair[k] for pair in truth], factor) for k in range(2)))
        return cls(found, torch.cat([load_pair_emphasis(files, truth, factor), inside], dim=1), truth)

    def cast(self, row: int) -> Cast:
        """Return the subjects of one image, from back to front."""
        return [(picture.identity, picture.context) for picture in self.truth[row]]


def _lead(rng: random.Random, sheets: Tensor) -> Tensor:
    """Sample by how many timesteps each position of ``sheets`` (B, 1, H, W) is less noisy: one panel's positions."""
    lead, middle = torch.zeros(sheets.shape, dtype=torch.long), sheets.shape[3] // 2
    for one in lead:
        if rng.random() < LEADING_SHEET:
            panel = slice(None, middle) if rng.random() < 0.5 else slice(middle, None)
            one[:, :, panel] = rng.randrange(LEAD)
    return lead


class _Denoise:
    """The model's prediction for these captions, and how far it is from another model's for the same noisy latents."""

    def __init__(self, model: TextConditionedUNet, captions: list[str]) -> None:
        self.model, self.captions = model, captions

    def __call__(self, x_t: Tensor, t: Tensor) -> Tensor:
        self.x_t, self.t, self.v = x_t, t, self.model.predict(x_t, t, self.captions)
        return self.v

    def distance(self, teacher: TextConditionedUNet, weights: Tensor) -> Tensor:
        """Return the mean squared difference under ``weights`` (B, 1, H, W) of the positions."""
        with torch.no_grad():
            target = teacher.predict(self.x_t, self.t, self.captions)
        return ((self.v - target).square() * (weights / weights.mean())).mean()


class DenoiserStage:
    """Training of the U-Net: two of three steps use sheets of one subject side by side, the others single images.

    A sheet is as wide as two images, so that self-attention learns to copy the identity from one panel to the other,
    on which self-subject-attention relies. Panels are encoded separately and their latents joined. In most sheets one
    panel is less noisy than the other: with equal noise, each panel shows as much as the other, and the model does not
    learn to copy small parts. ``maps`` (N, 2, 16, 16): the loss weights of positions, and how much of each the boxes of
    the attributes cover that are trained by contrast.
    """

    def __init__(
        self,
        latents: Tensor,
        maps: Tensor,
        pictures: list[Picture],
        vae: Any,
        batch: int,
        device: torch.device,
        start: Path | None,
        *,
        keep_words: bool = False,
        pairs: Pairs | None = None,
        crowding: float = 0.0,
        text: Path | None = None,
        contrast: tuple[Attribute, ...] = (),
        learns: Literal["all", "cross-attention"] = "all",
        distillation: float = 0.0,
    ) -> None:
        self.model = self.learns = TextConditionedUNet()
        self.teacher: TextConditionedUNet | None = None
        if start is not None:
            start_from(self.model.unet, read_unet(start / "unet"), start / "unet")
            text_encoder = CLIPTextModel.from_pretrained(start / "text_encoder")
            start_from(self.model.text_encoder, text_encoder, start / "text_encoder")
            if distillation:
                self.teacher = copy.deepcopy(self.model).requires_grad_(False).eval()
                self.teacher.unet.set_attn_processor(WrittenOutAttention())
                place(self.teacher, device)
            if text is not None:
                load_ema(text, self.model.text_encoder)
            elif not keep_words:
                separate(self.model.tokenizer, self.model.text_encoder)
        self.model.unet.set_attn_processor(WrittenOutAttention())
        place(self.model, device)
        if learns == "cross-attention":
            for name, parameter in self.model.unet.named_parameters():
                if ".attn2." not in name:
                    parameter.register_hook(torch.zeros_like)  # all of the model is saved, also what stays as it is
        self.scale = scaling_factor(latents)
        vae.register_to_config(scaling_factor=self.scale)
        self.vae = vae.to(device)
        self.latents, self.maps, self.pictures = latents, maps, pictures
        self.batch, self.device = batch, device
        self.scheduler = new_scheduler()
        self.pairs, self.crowding, self.contrast, self.distillation = pairs, crowding, contrast, distillation
        self.single_every = SINGLE_EVERY if pairs is None else SINGLE_EVERY_WITH_PAIRS

    def _is_sheet(self, step: int) -> bool:
        return step % self.single_every != 0

    def _singles(self, rng: random.Random) -> tuple[Tensor, Tensor, list[str]]:
        """Sample latents, maps and captions of images of one subject and, with pairs, of two."""
        pairs = self.pairs
        doubles = 0 if pairs is None else sum(rng.random() < PAIRS for _ in range(self.batch))
        rows = [rng.randrange(len(self.pictures)) for _ in range(self.batch - doubles)]
        captions = [sample_caption(rng, self.pictures[i].identity, self.pictures[i].context) for i in rows]
        latents, maps = self.latents[rows].float(), self.maps[rows].float()
        if pairs is not None:
            rows = [rng.randrange(len(pairs.truth)) for _ in range(doubles)]
            captions += [sample_pair_caption(rng, pairs.cast(i)) for i in rows]
            latents = torch.cat([latents, pairs.latents[rows].float()])
            maps = torch.cat([maps, pairs.maps[rows].float()])
        return latents, maps, captions

    def _batch(self, step: int, generator: torch.Generator) -> tuple[Tensor, Tensor, Tensor | None, list[str]]:
        rng = random.Random(int(torch.randint(2**31, (1,), generator=generator)))
        lead = None
        if not self._is_sheet(step):
            latents, maps, captions = self._singles(rng)
        else:
            pairs = []
            for _ in range(self.batch // 2):
                first = PER_IDENTITY * rng.randrange(len(self.pictures) // PER_IDENTITY)
                left, right = rng.sample(range(PER_IDENTITY), 2)
                pairs.append((first + left, first + right))
            captions = []
            for a, b in pairs:
                left_context, right_context = self.pictures[a].context, self.pictures[b].context
                turned = sum(c.view != "front" or c.framing != "full" for c in (left_context, right_context))
                detailed = rng.random() < DETAILED_SHEET and not turned  # the caption would be too long
                captions.append(
                    sheet_caption(self.pictures[a].identity, left_context, right_context, detailed=detailed)
                )
            left_rows, right_rows = [a for a, _ in pairs], [b for _, b in pairs]
            # joined in float32, since the CPU cannot concatenate float16 under autocast
            latents = torch.cat([self.latents[left_rows].float(), self.latents[right_rows].float()], dim=3)
            maps = torch.cat([self.maps[left_rows].float(), self.maps[right_rows].float()], dim=3)
            lead = _lead(rng, maps[:, :1])
            maps[:, :1] /= torch.where(lead > 0, LED, 1.0)
        captions = ["" if rng.random() < DROP_CAPTION else c for c in captions]
        return latents.mul(self.scale).to(self.device), maps.to(self.device), lead, captions

    def _contrast_loss(self, step: int, generator: torch.Generator) -> tuple[Tensor, dict[str, float]]:
        """Compute the loss where images that differ in one attribute alone differ."""
        rng = random.Random(int(torch.randint(2**31, (1,), generator=generator)))
        channels, side, _ = self.latents.shape[1:]
        attribute = self.contrast[step % len(self.contrast)]
        given = sample_contrast(rng, attribute, self.batch, side, channels * side * side)
        with torch.no_grad():
            pixels = to_model(given.images.mul(255).round().byte().permute(0, 2, 3, 1).to(self.device))
            x0 = self.vae.encode(pixels).latent_dist.mode().float() * self.scale
        inside = given.inside.to(self.device)
        denoise = _Denoise(self.model, given.captions)
        loss, _ = diffusion_loss(
            denoise, x0, self.scheduler, drawn=Drawn(given.t, given.noise), floor=FLOOR, emphasis=inside
        )
        figures = {"contrast": 2 * float(loss.detach())}
        if self.teacher is not None:
            loss = loss + self.distillation * denoise.distance(self.teacher, 1 - inside)
        return loss, figures

    def loss(self, step: int, generator: torch.Generator) -> tuple[Tensor, dict[str, float]]:
        if self.contrast:
            if step % 2:
                return self._contrast_loss(step // 2, generator)
            step //= 2
        x0, maps, lead, captions = self._batch(step, generator)
        weights, inside = maps.split(1, dim=1)
        denoise = _Denoise(self.model, captions)
        loss, mse = diffusion_loss(
            denoise,
            x0,
            self.scheduler,
            generator,
            floor=FLOOR,
            emphasis=weights if self.teacher is None else weights * inside,
            lead=lead,
        )
        figures = {}
        if self.teacher is not None:
            distance = denoise.distance(self.teacher, weights * (1 - inside))
            loss, figures["distance"] = loss + self.distillation * distance, 2 * float(distance.detach())
        if self.crowding:
            model = self.model
            crowded = crowding(
                lambda words: encode_captions(model.tokenizer, model.text_encoder, words, self.device),
                random.Random(int(torch.randint(2**31, (1,), generator=generator))),
            )
            loss, figures["crowding"] = loss + self.crowding * crowded, float(crowded.detach())
        # scaled, as the log averages over all steps, also those of the other kind
        every = self.single_every
        mse *= 2 if self.contrast else 1
        if self._is_sheet(step):
            return loss, {"mse_sheet": every / (every - 1) * mse, **figures}
        return loss, {"mse_single": every * mse, **figures}

    def preview(self) -> Image.Image:
        """Generate a row of images with the current weights."""
        pipe = assemble(self.model, self.vae)
        return generate_preview(pipe)


@dataclass(frozen=True)
class DenoiserFactory:
    """Builds the stage in a worker from latents, their ground truth in ``data`` and the autoencoder's training ``vae``.

    ``latents`` is a file of (N, 8, 16, 16) float16. ``start`` is a weights folder to continue from; embeddings of words
    that its text encoder does not distinguish are replaced, except with ``keep_words``. ``crowding`` is the weight of
    the loss that separates embeddings. ``text`` is the training of a renewed text encoder, ``contrast`` names
    attributes that every second step trains by contrast, and ``learns`` what of the U-Net is trained. With a weight
    ``distillation``, ground truth counts in the boxes of these attributes alone, and elsewhere what ``start`` predicts.
    """

    data: Path
    shards: int
    latents: Path
    vae: Path
    batch: int
    start: Path | None = None
    keep_words: bool = False
    views: int = 0
    pairs: int = 0
    pair_latents: Path | None = None
    crowding: float = 0.0
    text: Path | None = None
    contrast: tuple[Attribute, ...] = ()
    learns: Literal["all", "cross-attention"] = "all"
    distillation: float = 0.0

    def build(self, device: torch.device) -> DenoiserStage:
        latents = load_latents(self.latents)
        pictures, vae = load_truth(self.data, self.shards, self.views), trained_autoencoder(self.vae)
        factor = SIZE // latents.shape[-1]
        emphasis = load_emphasis(shard_files(self.data, self.shards, self.views), pictures, factor)
        maps = torch.cat([emphasis, covered_by(self.contrast, pictures, factor)], dim=1)
        pairs = None
        if self.pair_latents is not None:
            pairs = Pairs.load(self.data, self.pairs, self.pair_latents, self.contrast)
        return DenoiserStage(
            latents,
            maps,
            pictures,
            vae,
            self.batch,
            device,
            self.start,
            keep_words=self.keep_words,
            pairs=pairs,
            crowding=self.crowding,
            text=self.text,
            contrast=self.contrast,
            learns=self.learns,
            distillation=self.distillation,
        )
