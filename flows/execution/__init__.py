"""The work of a worker: claim, generate, fine-tune, store."""
