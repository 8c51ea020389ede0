"""Stage 1: trains the subject-encoder of a profile on prepared images, and writes it to one file."""
