"""Evaluates images of two subjects: whether each box shows its own."""
