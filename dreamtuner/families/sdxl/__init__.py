"""Stable Diffusion XL: what it adds to `unet`: a second text encoder, pooled states and time ids."""
