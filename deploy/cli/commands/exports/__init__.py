"""The commands that write files of the catalog for other programs and people."""
