"""Replay: records what an image was made with, and makes it again from its recipe, to compare."""
