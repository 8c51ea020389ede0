"""Measures the method without training: several references, what seeds change, and how much videos flicker."""
