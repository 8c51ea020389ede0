"""Writes of the queue that cells are: which of them a worker claims next, and the workers themselves."""
