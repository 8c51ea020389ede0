"""Stable Diffusion 1.x and 2.x: a U-Net with cross-attention, and the layers attached to it."""
