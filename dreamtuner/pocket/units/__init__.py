"""Held-out subjects by methods, measured one by one and kept: what the fidelity ladder and Table 1 are made of."""
