"""Stage 2 (Sec. 3.3): the model is fine-tuned on pairs of one subject. Settings say which parts are trained."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import ExitStack
from typing import get_args

import torch
from PIL import Image
from torch import Tensor, nn

from dreamtuner.families import lora
from dreamtuner.families.backbone import FineTunable, HasFixedParts
from dreamtuner.families.precision import hold_frozen_in
from dreamtuner.families.text_states import TextStates
from dreamtuner.finetune.pairs import Pairs
from dreamtuner.finetune.preview import FineTunePreview
from dreamtuner.finetune.processes import is_divisible
from dreamtuner.finetune.result import Checkpoint, row_key
from dreamtuner.finetune.subject import NamedSubject
from dreamtuner.finetune.trainable_model import TrainableModel
from dreamtuner.finetune.weight_interpolation import WeightInterpolation
from dreamtuner.settings.finetune import FineTuneConfig, Part
from dreamtuner.settings.sampling import TextSettings
from dreamtuner.train.diffusion import FLOOR, Drawn, diffusion_loss
from dreamtuner.train.processes.shards import blocks_of
from dreamtuner.train.stage import place
from dreamtuner.train.state import trainable


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

    @property
    def batch(self) -> int:
        """Images of an optimizer step: references and class images of all its batches."""
        return self.settings.accumulate * self._each

    @property
    def blocks(self) -> list[nn.Module]:
        """Blocks whose weights are gathered together where the trained weights are divided among processes."""
        models = (self.learns.unet, *(self.learns.get_submodule(name) for name in self.learns.tokenizers))
        return blocks_of(models) if is_divisible(self.settings) else []

    def parts(self, step: int, rows: range) -> list[list[int]]:
        each = self._each
        return [[r for r in rows if r // each == batch] for batch in sorted({r // each for r in rows})]

    def loss(self, step: int, generator: torch.Generator) -> tuple[Tensor, dict[str, float]]:
        return self.loss_of(step, range(self._each), generator)

    def loss_of(self, step: int, rows: Sequence[int], generator: torch.Generator) -> tuple[Tensor, dict[str, float]]:
        for _ in range(rows[0] // self._each):
            self._batch(generator)  # all batches of a step are drawn from one generator
        x0, regular, drawn = self._batch(generator)
        own = [row % self._each for row in rows]
        x0, regular, drawn = x0[own], [regular[i] for i in own], drawn.rows(torch.tensor(own))
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
                drawn=drawn,
                floor=FLOOR,
                gamma=self.settings.snr_gamma,
                row_weights=self._row_weights(regular),
            )
            if self.settings.gradient_checkpointing:  # the backward pass, which comes later, calls the blocks again
                self._attached = stack.pop_all()
        if len(own) < self._each:  # class images alone do not use these, whose gradients all processes must have
            some = [p for name, p in trainable(self.learns).items() if name.startswith(("word", "encoder."))]
            loss = loss + sum(0.0 * p.sum() for p in some)
        return loss, {"mse": mse}

    @property
    def _each(self) -> int:
        """Images of one batch."""
        return self.settings.batch * (2 if len(self.learns.regular) else 1)

    def _row_weights(self, regular: Sequence[bool]) -> Tensor | None:
        """Return the loss weight of each row, or None if all are 1."""
        prior = self.settings.prior_weight
        return None if prior == 1 else torch.tensor([prior if one else 1.0 for one in regular])

    def _batch(self, generator: torch.Generator) -> tuple[Tensor, list[bool], Drawn]:
        """Sample latents B C H W in a random order (levels depend on position), which are class images, and noise.

        They are the same whichever rows a process computes.
        """
        s = self.settings
        regular = [False] * s.batch + [True] * (s.batch if len(self.learns.regular) else 0)
        rows = []
        for is_regular in regular:
            pictures = self.learns.regular if is_regular else self.learns.reference
            which = int(torch.randint(len(pictures), (1,), generator=generator))
            mirrored = int(torch.rand(1, generator=generator) < s.flip)
            rows.append(pictures[which, mirrored])
        order = torch.randperm(len(rows), generator=generator).tolist()
        steps = len(self.backbone.scheduler.alphas_cumprod)
        drawn = Drawn.of(len(rows), steps, rows[0].numel(), generator)
        return torch.stack([rows[i] for i in order]), [regular[i] for i in order], drawn

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
