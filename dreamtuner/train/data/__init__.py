"""Training images: their preparation, the shards that hold them, and the order in which they are read."""
