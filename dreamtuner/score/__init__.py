"""Scores of generated images: one metric, one file, each a name in `METRICS`."""

from dreamtuner.score.metric import METRICS, Input, Metric, score_images

__all__ = ["METRICS", "Input", "Metric", "score_images"]
