"""Writes of runs, cells, results and fine-tunings."""
