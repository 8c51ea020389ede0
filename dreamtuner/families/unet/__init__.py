"""Stable Diffusion 1.x and 2.x: a U-Net with cross-attention, and what attaches to it."""
