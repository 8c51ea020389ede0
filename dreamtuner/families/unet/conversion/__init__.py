"""Checkpoints of other layouts as diffusers folders: single files, pickles, and folders for older libraries."""
