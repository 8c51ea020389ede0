"""Exports: their files, and the formats that pack them into one file to download."""
