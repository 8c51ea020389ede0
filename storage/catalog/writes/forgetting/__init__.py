"""Permanent deletion of subjects, runs and images."""
