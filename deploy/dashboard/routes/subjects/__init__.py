"""Subjects, what is known of their references, and forgetting them."""
