"""Damaged image files: the same pixels without the damage beside them."""
