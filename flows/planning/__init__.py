"""Expands a spec to cells, and checks it before anything is generated."""
