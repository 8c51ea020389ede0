"""Measures marks: how long a signature takes, what the watermark changes, whether it is found, and where it is not."""
