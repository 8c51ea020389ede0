"""A subject as the model sees it: its references as latents, subject tokens, text states and control images."""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import torch
from PIL import Image
from torch import Tensor

from dreamtuner.attention.subject_encoder import TokenKeys
from dreamtuner.families.backbone import Parts
from dreamtuner.families.text_states import TextStates
from dreamtuner.models.layouts import Kind, fitted
from dreamtuner.preprocess.foreground import on_white
from dreamtuner.sampling.reference_crop import shown, square
from dreamtuner.sampling.reference_pass import foreground_tokens, reference_digest
from dreamtuner.sampling.request import Reference
from dreamtuner.settings.frames import LIKE_REFERENCES, FrameUse
from dreamtuner.settings.sampling import Sampling


@dataclass(frozen=True, eq=False)
class Subject:
    """One reference of a subject, ready for the reference pass.

    `x_0`: C H W latents; `foreground`: a layer's token count -> indices of its subject tokens, None if S-S-A is off or
    the mask is empty; `c_r`: its own caption, one row; `digest`: seeds lambda and noise; `keys`: keys and values of
    every S-E-A layer, None if the subject-encoder is off; `layouts`: its own control images, 3 fH fW; `weight`: what
    w_ref is multiplied by for its tokens, > 0; one that is not seen has neither subject tokens nor keys. `use`,
    `noise_seed`: as of the reference.
    """

    x_0: Tensor
    foreground: Mapping[int, Tensor] | None
    c_r: TextStates
    digest: str
    keys: Mapping[str, TokenKeys] | None
    layouts: Mapping[Kind, Tensor]
    weight: float = 1.0
    use: FrameUse = LIKE_REFERENCES
    noise_seed: int | None = None


def prepare_subject(
    parts: Parts, reference: Reference, sampling: Sampling, *, c_r: TextStates | None = None
) -> Subject | None:
    """Encode a reference; return None if it has no effect: w_ref and beta are 0, or its mask is empty.

    `c_r`: the text states of its caption, one row, if already computed.
    """
    image, mask = shown(reference, sampling)
    m_r = torch.frombuffer(bytearray(mask.tobytes()), dtype=torch.uint8).view(mask.height, mask.width) / 255
    if not m_r.any() or (sampling.w_ref == 0 and sampling.beta == 0):
        return None
    x_0 = parts.encode_image(image)
    foreground = None
    if sampling.w_ref > 0 and reference.seen:
        grids = parts.denoiser().token_grids((x_0.shape[1], x_0.shape[2]))
        tokens = foreground_tokens(_inside(reference, sampling) if reference.whole else m_r, grids.values())
        foreground = {count: kept.to(x_0.device) for count, kept in tokens.items()}
    encoded = sampling.beta > 0 and reference.seen and reference.use.encoder
    return Subject(
        x_0,
        foreground,
        parts.encode_text(reference.caption, sampling.text) if c_r is None else c_r,
        reference_digest(reference.image),
        parts.subject_keys(alone(reference, sampling.reference_side)) if encoded else None,
        {kind: _own_layout(reference, kind, sampling).to(x_0) for kind in reference.layouts},
        reference.weight,
        reference.use,
        reference.noise_seed,
    )


def layout_pixels(kind: Kind, image: Image.Image, size: tuple[int, int]) -> Tensor:
    """Convert a control image to the input of ControlNets: 3 height width in 0..1. `size`: width and height.

    Raises LayoutError as `fitted` does.
    """
    pixels = np.asarray(fitted(kind, image, size)).copy()
    return torch.from_numpy(pixels).permute(2, 0, 1).float() / 255


def _inside(reference: Reference, sampling: Sampling) -> Tensor:
    """Return how much of each pixel lies inside the image, 0..1, H W: the padding of the square is not attended to.

    Stored fine-tunings keep their digests and checkpoints: of the few references that need padding, only those that are
    fine-tuned from now on get different class images.
    """
    picture = Image.new("RGB", reference.image.size, "white")
    inside = shown(reference, sampling, image=picture, fill="black")[0].convert("L")
    return torch.frombuffer(bytearray(inside.tobytes()), dtype=torch.uint8).view(inside.height, inside.width) / 255


def _own_layout(reference: Reference, kind: Kind, sampling: Sampling) -> Tensor:
    """Return the reference's control image, cropped as its image is; the padding of the square is far and empty."""
    layout = reference.layouts[kind]
    if layout.size != reference.image.size:
        raise ValueError(
            f"reference: its {kind} image is {layout.size} and the reference {reference.image.size} px; use one size"
        )
    cropped = shown(reference, sampling, image=layout, fill="black")[0]
    return layout_pixels(kind, cropped, cropped.size)


def alone(reference: Reference, side: int) -> Image.Image:
    """Return the subject on white, in a square around it.

    White comes first: resizing would blend background in.
    """
    return square(on_white(reference.image, reference.mask), reference.mask, side)[0]
