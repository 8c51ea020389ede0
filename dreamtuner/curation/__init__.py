"""Culling: perceptual hashes, stacks of near-duplicates, and triage by what a team has kept. NumPy and Pillow alone."""
