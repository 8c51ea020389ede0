"""Measures culling on pictures of the pocket model: near-duplicates, and triage."""
