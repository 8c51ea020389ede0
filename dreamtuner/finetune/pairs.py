"""The training pairs of Sec. 3.3, encoded once: {reference, "A class word [S*]"} and {class image, "A class word"}."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from PIL import Image, ImageOps
from torch import Tensor

from dreamtuner.families.backbone import FineTunable
from dreamtuner.finetune.subject import NamedSubject
from dreamtuner.sampling.reference_crop import square
from dreamtuner.sampling.subject import alone
from dreamtuner.settings.finetune import FineTuneConfig


@dataclass(frozen=True, eq=False)
class Pairs:
    """Encoded pairs: `reference`, M 2 C H W, M images of the subject, and class images `regular`, N 2 C H W.

    Both hold the latents of each image and of its mirror image. `states`: 1 T D, the subject-encoder's input for the
    reference, None if beta is 0.
    """

    reference: Tensor
    regular: Tensor
    states: Tensor | None
    caption: str
    class_caption: str


@torch.inference_mode()
def _both_ways(backbone: FineTunable, pictures: Sequence[Image.Image]) -> Tensor:
    """Encode images of the training's size, each also mirrored, to N 2 C H W, float32."""
    encoded = [
        torch.stack([backbone.encode_image(one), backbone.encode_image(ImageOps.mirror(one))]).float()
        for one in pictures
    ]
    if not encoded:
        return torch.empty(0, 2, *backbone.latent_shape(backbone.profile.resolution), device=backbone.device)
    return torch.stack(encoded)


@torch.inference_mode()
def _states(backbone: FineTunable, picture: Image.Image) -> Tensor:
    return backbone.subject_states(picture)


def encode_pairs(
    backbone: FineTunable,
    subject: NamedSubject,
    settings: FineTuneConfig,
    regular: Sequence[Image.Image],
    resolution: int,
) -> Pairs:
    """Compute latents, captions and states, which are constant during training.

    `regular`: class images of that size.
    """
    every = (subject.reference, *subject.others)
    on_white = [alone(one, resolution) for one in every]
    shown = on_white
    if settings.background == "kept":
        shown = [square(one.image, one.mask, resolution)[0] for one in every]
    # cloned: tensors created in inference mode cannot be used in training
    return Pairs(
        _both_ways(backbone, shown).clone(),
        _both_ways(backbone, regular).clone(),
        _states(backbone, on_white[0]).clone() if settings.beta > 0 else None,
        subject.words(settings.caption, settings.subject_words(subject.class_word)),
        subject.words(settings.caption, subject.class_word),
    )
