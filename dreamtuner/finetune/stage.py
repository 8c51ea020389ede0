"""Stage 2 (Sec. 3.3): the model is fine-tuned on pairs of one subject. Settings say which parts are trained."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path
from typing import get_args

import torch
from PIL import Image
from torch import Tensor

from dreamtuner.families import lora
from dreamtuner.families.backbone import FineTunable, HasFixedParts
from dreamtuner.families.precision import hold_frozen_in
from dreamtuner.families.registry import fine_tunable, load_backbone
from dreamtuner.families.text_states import TextStates
from dreamtuner.finetune.fitting import ImageMemory
from dreamtuner.finetune.memory import image_memory
from dreamtuner.finetune.pairs import Pairs, encode_pairs
from dreamtuner.finetune.preview import FineTunePreview
from dreamtuner.finetune.result import Checkpoint, row_key
from dreamtuner.finetune.subject import NamedSubject, class_images
from dreamtuner.finetune.trainable_model import TrainableModel
from dreamtuner.finetune.weight_interpolation import WeightInterpolation
from dreamtuner.models.profiles import Profile
from dreamtuner.settings.finetune import FineTuneConfig, Part
from dreamtuner.settings.sampling import Sampling, TextSettings
from dreamtuner.train.diffusion import FLOOR, diffusion_loss
from dreamtuner.train.stage import place
from dreamtuner.train.state import load_ema, trainable


def autocast(settings: FineTuneConfig, device: torch.device) -> torch.autocast:
    """Return the context in which everything of a fine-tuning is computed: autocast to bfloat16, if asked for."""
    return torch.autocast(device.type, torch.bfloat16, enabled=settings.precision == "bfloat16")


class FineTuneStage:
    """One training step: the reference and a class image, each at its own noise level.

    Decided where the paper is silent: an image is denoised under the conditions that it was generated with. So the
    subject-encoder is active for class images that were generated with it, and only for those. Its input is never
    mirrored.
    """

    def __init__(
        self,
        backbone: FineTunable,
        subject: NamedSubject,
        settings: FineTuneConfig,
        pairs: Pairs,
        previews: FineTunePreview,
        text: TextSettings,
    ) -> None:
        self.settings, self.pairs, self.previews, self.subject = settings, pairs, previews, subject
        self.learns = TrainableModel(backbone, subject, settings, pairs)
        self.share = WeightInterpolation(self.learns.unet, settings)
        place(self.learns.unet, backbone.device)
        self.learns.to(backbone.device)
        if settings.precision == "bfloat16":
            fixed = backbone.fixed if isinstance(backbone, HasFixedParts) else ()
            hold_frozen_in(torch.bfloat16, [*backbone.learnable.values(), *fixed])
        self.backbone = backbone.with_tokenizers(self.learns.tokenizers)
        self._attached = ExitStack()
        self._text_settings = text
        self._frozen_text: dict[str, TextStates] = {}

    def rate(self, name: str) -> float:
        head = name.partition(".")[0]
        part = "resblocks" if head == "encoder" else next(one for one in get_args(Part) if head.startswith(one))
        rate: float = getattr(self.settings.lr, part)
        return rate

    def loss(self, step: int, generator: torch.Generator) -> tuple[Tensor, dict[str, float]]:
        x0, regular = self._batch(generator)
        c = TextStates.cat([self._text(is_regular) for is_regular in regular])
        encoder = self.learns.encoder
        self._attached.close()
        with ExitStack() as stack:
            if self.pairs.states is not None and encoder is not None:
                denoiser = self.backbone.denoiser(encoder=True)
                attached = stack.enter_context(denoiser.attach_encoder())
                keys = encoder.keys(encoder(self.pairs.states))
                seen = [(1, None if r and self.settings.regular == "prior" else keys) for r in regular]
                stack.enter_context(attached.attend(seen, self.settings.beta))
            else:
                denoiser = self.backbone.denoiser()

            def predict(x_t: Tensor, t: Tensor) -> Tensor:
                return denoiser.predict(x_t, t, c, {})

            loss, mse = diffusion_loss(
                predict,
                x0,
                self.backbone.scheduler,
                generator,
                floor=FLOOR,
                gamma=self.settings.snr_gamma,
                row_weights=self._row_weights(regular),
            )
            if self.settings.gradient_checkpointing:  # the backward pass, which comes later, calls the blocks again
                self._attached = stack.pop_all()
        return loss, {"mse": mse}

    def _row_weights(self, regular: Sequence[bool]) -> Tensor | None:
        """Return the loss weight of each row, or None if all are 1."""
        prior = self.settings.prior_weight
        return None if prior == 1 else torch.tensor([prior if one else 1.0 for one in regular])

    def _batch(self, generator: torch.Generator) -> tuple[Tensor, list[bool]]:
        """Sample latents B C H W in a random order (noise levels depend on position), and which are class images."""
        s = self.settings
        regular = [False] * s.batch + [True] * (s.batch if len(self.learns.regular) else 0)
        rows = []
        for is_regular in regular:
            pictures = self.learns.regular if is_regular else self.learns.reference
            which = int(torch.randint(len(pictures), (1,), generator=generator))
            mirrored = int(torch.rand(1, generator=generator) < s.flip)
            rows.append(pictures[which, mirrored])
        order = torch.randperm(len(rows), generator=generator).tolist()
        return torch.stack([rows[i] for i in order]), [regular[i] for i in order]

    def _text(self, regular: bool) -> TextStates:
        """Return the text states of a pair's caption, one row; those that are constant are computed once."""
        caption = self.pairs.class_caption if regular else self.pairs.caption
        learns = self.settings.learns
        if "text_encoder" in learns or ("word" in learns and not regular):
            return self.backbone.encode_text(caption, self._text_settings)
        if caption not in self._frozen_text:
            with torch.no_grad():
                self._frozen_text[caption] = self.backbone.encode_text(caption, self._text_settings)
        return self._frozen_text[caption]

    def preview(self) -> Image.Image:
        """Generate previews with the current model and record their score."""
        self._attached.close()
        with self.share.applied(), autocast(self.settings, self.backbone.device):
            picture, identity = self.previews.generate(self.backbone)
        taken = self.learns.identities.isnan().nonzero()
        if identity is not None and len(taken):
            self.learns.identities[int(taken[0])] = identity
        return picture

    @property
    def identities(self) -> list[float]:
        """The scores of the previews so far, -1..1."""
        scores: list[float] = self.learns.identities[~self.learns.identities.isnan()].tolist()
        return scores

    def enough(self) -> bool:
        """Return whether the last `patience` previews scored no higher than the best before them."""
        patience, held = self.settings.patience, self.identities
        return patience is not None and len(held) > patience and max(held[-patience:]) <= max(held[:-patience])

    def tuned(self) -> Checkpoint:
        """Return the checkpoint of the current models."""
        self._attached.close()
        tensors = {f"unet.{name}": one for name, one in self.share.tensors().items()}
        for encoder in self.learns.tokenizers:
            text = self.learns.get_submodule(encoder)
            learnt = lora.adapters(text) if self.settings.mode == "lora" else trainable(text)
            tensors |= {f"{encoder}.{name}": one for name, one in learnt.items()}
        if self.learns.encoder is not None:
            tensors |= {f"encoder.{name}": one for name, one in trainable(self.learns.encoder).items()}
        # the token's embedding is part of the text encoder too
        tensors = {name: one for name, one in tensors.items() if not name.endswith("token_embedding.row")}
        tensors |= {row_key(name): word.row for name, word in self.learns.words.items()}
        kept = {name: one.detach().cpu().contiguous().clone() for name, one in tensors.items()}
        return Checkpoint(self.settings, self.subject.class_word, kept)


@dataclass(frozen=True)
class FineTuneFactory:
    """Builds the stage on models that it loads. `folder`: where class images are cached between restarts.

    `sampling`: settings of class images and previews; `preview_sampling`: settings of previews if different. Both are
    of square images, as the reference is cropped to a square.
    `memory`: bytes that the training may take, so that previews and class images share them with the models; None: what
    is free. `on_class_image(done, total)` is called as class images are generated.
    """

    profile: Profile
    subject: NamedSubject
    settings: FineTuneConfig
    sampling: Sampling
    folder: Path
    preview_sampling: Sampling | None = None
    memory: int | None = None
    on_class_image: Callable[[int, int], None] = field(default=lambda done, total: None)

    def __post_init__(self) -> None:
        """Raise ValueError if the images are not square."""
        for sampling in (self.sampling, self.preview_sampling):
            if sampling is not None and sampling.size is not None:
                raise ValueError(f"sampling.size: {sampling.size}, but fine-tuning trains on squares; set resolution")

    def build(self, device: torch.device) -> FineTuneStage:
        s, sampling = self.settings, self.sampling
        # weights that are trained come in full precision; adapters are new, and what they are added to is frozen
        narrow = s.precision == "bfloat16" and s.mode == "lora"
        dtype = torch.bfloat16 if narrow else torch.float32
        backbone = fine_tunable(load_backbone(self.profile, device=str(device), dtype=dtype))
        if narrow and "resblocks" in s.learns and "encoder" in backbone.learnable:
            backbone = backbone.with_encoder(self.profile.folder("subject_encoder"))
        with autocast(s, device):
            regular: Sequence[Image.Image] = class_images(
                backbone, self.subject, s, sampling, self.folder / "regular", self.on_class_image, self._image_memory()
            )
            pairs = encode_pairs(backbone, self.subject, s, regular, sampling.resolution)
        previews = FineTunePreview.of(
            self.profile,
            self.subject,
            s,
            self.preview_sampling or sampling,
            device=str(device),
            memory=self._image_memory(),
        )
        return FineTuneStage(backbone, self.subject, s, pairs, previews, sampling.text)

    def _image_memory(self) -> ImageMemory | None:
        if self.memory is None:
            return None
        return image_memory(self.profile, self.settings, self.sampling.resolution, self.memory)

    def finished(self, device: torch.device) -> FineTuneStage:
        """Build the stage with the averaged weights of the training in `folder`."""
        stage = self.build(device)
        load_ema(self.folder, stage.learns)
        return stage
