"""The embedded default model: a small Stable Diffusion, trained from scratch on a rendered world with ground truth."""
