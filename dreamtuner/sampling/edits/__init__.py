"""Local edits: what stays of the picture that is edited."""
