"""Evaluation of the method: held-out subjects, metrics, ablations, confidence intervals."""
