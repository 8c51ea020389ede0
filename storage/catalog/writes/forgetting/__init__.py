"""Deleting subjects, runs and pictures for good."""
