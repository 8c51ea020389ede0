"""Training data of stage 1: where raw images come from, and their preparation into a set of shards."""
