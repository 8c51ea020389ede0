"""The cost of generating with a reference relative to the plain model: FLOPs, time, and the naive form."""
