"""Reports of a run: summaries, contact sheets, Prefect artifacts."""
