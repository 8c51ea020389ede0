"""The embedded default: a world with known truth, and a small Stable Diffusion trained on it from scratch."""
