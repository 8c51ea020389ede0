"""The recipe that trains the pocket model from scratch, part by part."""
