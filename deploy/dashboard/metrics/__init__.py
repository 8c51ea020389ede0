"""Metrics of the catalog for Prometheus."""
