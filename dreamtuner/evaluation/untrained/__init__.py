"""Measures the method without training: what several references of a subject add, and what seeds change."""
