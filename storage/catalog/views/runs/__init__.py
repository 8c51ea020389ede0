"""Queries of runs, cells, results and fine-tunings."""
