"""Permanent deletion of subjects, runs and pictures."""
