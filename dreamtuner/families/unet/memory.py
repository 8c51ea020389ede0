"""Memory that generating with a U-Net takes, bytes: activations at their peak, without gradients.

Both rules are multiples of one feature map of the first level. They were counted, tensor by tensor, on models of the
shapes of Stable Diffusion 1.5 and XL: 26 and 16 maps for a row, 6 for an image; here with room for what kernels take.
"""

from typing import Any

ROW_MAPS = 32
"""Feature maps of the U-Net's first level, at the size of the latents, that a row takes."""
DECODER_MAPS = 8
"""Feature maps of the autoencoder's first level, at the size of the image, that decoding an image takes."""


def row_bytes(unet: Any, latents: tuple[int, int]) -> int:
    """Estimate the bytes of one row of a call; `latents`: their rows and columns."""
    channels = unet.config.block_out_channels[0]
    return int(ROW_MAPS * channels * latents[0] * latents[1] * unet.dtype.itemsize)


def decode_bytes(vae: Any, width: int, height: int) -> int:
    """Estimate the bytes of decoding one image, of this size in pixels, or of a tile if the autoencoder tiles."""
    channels = vae.config.block_out_channels[0]
    if getattr(vae, "use_tiling", False):
        width, height = (min(side, vae.tile_sample_min_size) for side in (width, height))
    return int(DECODER_MAPS * channels * width * height * vae.dtype.itemsize)
