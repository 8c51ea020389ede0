"""DreamTunerPipeline: the method as a diffusers pipeline."""

from dreamtuner.pipeline.dreamtuner_pipeline import DreamTunerPipeline

__all__ = ["DreamTunerPipeline"]
