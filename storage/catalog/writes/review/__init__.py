"""Writes of decisions, queues and bulk batches."""
