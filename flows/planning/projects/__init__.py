"""What the project of a run says of it: what its images are for, and what it may still spend."""
