"""Which cells a worker claims: those that it can generate, of its own run and of the others in fair share."""
