"""Further workers of a run, beside the process that conducts it: local processes, or flow runs of a work pool."""
