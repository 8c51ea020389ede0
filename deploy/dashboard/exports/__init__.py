"""Exports: their files, and the formats that pack these into one file to download."""
