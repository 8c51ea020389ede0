"""Measures videos of pocket subjects: how much they flicker, and what of subject, motion and scene they keep."""
