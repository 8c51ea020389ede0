"""Stand-ins for Stable Diffusion 1.5: its shapes without its weights, for counting and for timing on a GPU."""

from types import SimpleNamespace
from typing import Any

import torch
from torch import Tensor, nn

from dreamtuner.families.text_states import TextStates
from dreamtuner.families.unet import build
from dreamtuner.families.unet.denoiser import UNetDenoiser
from dreamtuner.families.unet.subject_encoder import SubjectEncoder
from dreamtuner.sampling.guidance import Pair, interleaved
from dreamtuner.sampling.loop import fresh_scheduler
from dreamtuner.sampling.subject import Subject
from dreamtuner.settings.sampling import Sampling

LATENT = (4, 64, 64)
"""C H W of the latents of a picture of 512 pixels."""
TEXT = (77, 768)
"""Tokens and channels of a prompt."""
IMAGE_TOKENS = 257
"""Tokens of CLIP ViT-L/14 at 224 pixels: 16 x 16 patches and the class token."""
VISION = SimpleNamespace(config=SimpleNamespace(num_hidden_layers=24, hidden_size=1024))
"""What of CLIP ViT-L/14 decides the subject-encoder's shapes."""


def sd15_unet(device: str, dtype: torch.dtype = torch.float32) -> Any:
    """A U-Net of SD 1.5's config: 860 M parameters, random (on the meta device none at all), frozen."""
    before = torch.get_default_dtype()
    torch.set_default_dtype(dtype)  # converted afterwards they would need three times the memory
    try:
        with torch.device(device):
            unet = new_sd15_unet()
    finally:
        torch.set_default_dtype(before)
    return unet.requires_grad_(False).eval()


def new_sd15_unet() -> Any:
    """The same on the default device, in the default dtype, trainable."""
    return build.new_unet(
        sample_size=LATENT[1],
        in_channels=LATENT[0],
        out_channels=LATENT[0],
        block_out_channels=(320, 640, 1280, 1280),
        layers_per_block=2,
        cross_attention_dim=TEXT[1],
        attention_head_dim=8,
    )


def sd15_encoder(unet: Any, device: str, dtype: torch.dtype = torch.float32) -> SubjectEncoder:
    """A subject-encoder between CLIP ViT-L/14 and this U-Net; a subject token is as wide as a text token."""
    with torch.device(device):
        encoder = SubjectEncoder.for_unet(unet, VISION, width=TEXT[1])
    ready: SubjectEncoder = nn.Module.to(encoder, dtype).requires_grad_(False).eval()
    return ready


def sd15_scheduler() -> Any:
    """The scheduler of SD 1.5, without noise of its own."""
    return build.new_scheduler(set_alpha_to_one=False)


def even_plan(steps: int, sampling: Sampling, *, reference: bool = True) -> list[Pair]:
    """Eq. 6 with lambda spread evenly, so that its share of Eq. 4 is p_r and not one draw's."""
    scheduler = sd15_scheduler()
    t_max = float(scheduler.config.num_train_timesteps - 1)
    timesteps = fresh_scheduler(scheduler, steps).timesteps.tolist()
    return [
        interleaved((i + 0.5) / steps, t, sampling, t_max=t_max, reference=reference) for i, t in enumerate(timesteps)
    ]


def sd15_denoiser(unet: Any, encoder: SubjectEncoder | None) -> UNetDenoiser:
    """What predicts, with the noise schedule of SD 1.5."""
    return UNetDenoiser(unet, sd15_scheduler().alphas_cumprod, encoder=encoder)


def share_of_tokens(share: float) -> dict[int, Tensor]:
    """A layer's count of tokens -> as many of them as `share` (0..1) makes, for every level of the U-Net."""
    counts = [LATENT[1] * LATENT[2] // 4**level for level in range(4)]
    return {count: torch.arange(round(share * count)) for count in counts}


def sd15_subject(share: float, unet: Any, encoder: SubjectEncoder | None) -> Subject:
    """A reference of which `share` (0..1) of the tokens is subject. Its latents, text and image states are noise."""
    g = torch.Generator().manual_seed(0)

    def noise(*shape: int) -> Tensor:
        return torch.randn(shape, generator=g).to(unet.device, unet.dtype)

    keys = None
    if encoder is not None:
        keys = encoder.keys(encoder(noise(1, IMAGE_TOKENS, VISION.config.hidden_size * len(encoder.config.depths))))
    foreground = {count: positions.to(unet.device) for count, positions in share_of_tokens(share).items()}
    return Subject(noise(*LATENT), foreground, TextStates(noise(1, *TEXT)), f"share {share}", keys, {})
