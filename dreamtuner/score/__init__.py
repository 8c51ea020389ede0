"""Scores of generated images: metrics by name in `METRICS`."""

from dreamtuner.score.metric import METRICS, Input, Metric, score_images

__all__ = ["METRICS", "Input", "Metric", "score_images"]
