"""Subject-encoders of one's own: the file that a training writes, and its place in a profile."""
