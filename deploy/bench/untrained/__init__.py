"""Benchmarks of the method without training: several references, and what seeds change."""
