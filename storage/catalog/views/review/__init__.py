"""Queries of the review pages: gallery, outputs, subjects, history."""
