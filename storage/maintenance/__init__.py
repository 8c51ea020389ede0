"""Verify, garbage collection, backup and restore."""
