"""Leases on cells, runs and trainings, renewed by a heartbeat."""
