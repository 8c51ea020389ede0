"""What a run came to: summaries, contact sheets, Prefect artifacts."""
