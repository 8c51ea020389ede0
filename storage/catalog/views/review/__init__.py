"""Reads for the review pages: gallery, outputs, subjects, history."""
