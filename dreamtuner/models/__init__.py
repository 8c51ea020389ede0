"""Profiles, their weights on disk, control images and tokenizers. No torch."""
