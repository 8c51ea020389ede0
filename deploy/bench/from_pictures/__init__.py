"""Benchmarks of generated pictures as further references: edits of one picture, and sets."""
