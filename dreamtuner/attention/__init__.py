"""The attention layers that DreamTuner adds to a model (Eq. 1-3), as equations; model families attach them."""
