"""What a user writes: the spec, its YAML, and its problems. No torch, no Prefect."""
