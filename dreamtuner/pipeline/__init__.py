"""DreamTunerPipeline, the face of the method by diffusers' conventions."""

from dreamtuner.pipeline.dreamtuner_pipeline import DreamTunerPipeline

__all__ = ["DreamTunerPipeline"]
