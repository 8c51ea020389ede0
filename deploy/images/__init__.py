"""Container images: their one Dockerfile, and what starts, prepares and probes what runs in them."""
