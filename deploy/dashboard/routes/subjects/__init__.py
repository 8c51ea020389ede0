"""Subjects, their masks, and forgetting them."""
