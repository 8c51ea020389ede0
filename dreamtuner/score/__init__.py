"""Scores of drawn pictures: one metric, one file, each a name in `METRICS`; `tower` is the model they look through."""

from dreamtuner.score.clip_i import ClipI
from dreamtuner.score.clip_t import ClipT
from dreamtuner.score.metric import Metric, score_version

__all__ = ["METRICS", "Metric", "score_version"]

METRICS: dict[str, Metric] = {metric.name: metric for metric in (ClipI(), ClipI(masked=True), ClipT())}
