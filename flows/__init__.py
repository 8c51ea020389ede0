"""Prefect flows and tasks that chain the method and the storage: ingest, generate, score; catalog runs all three."""
