"""Training: one loop, and stages that say which parameters learn, from which batches, by which loss."""
