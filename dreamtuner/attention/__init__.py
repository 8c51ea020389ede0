"""The attention layers that DreamTuner adds to a stock U-Net: the equations, and how they get in and out."""
