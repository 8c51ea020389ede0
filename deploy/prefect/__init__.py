"""Prefect: an isolated server, deployments, submitted flow runs."""
