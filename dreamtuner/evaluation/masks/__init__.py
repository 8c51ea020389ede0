"""Measures maskers: on subjects whose true masks are known, and on a user's own images and masks."""
