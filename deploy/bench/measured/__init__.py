"""Measured cells: in the catalog, and in a file that tables go on from."""
