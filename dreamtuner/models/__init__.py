"""Profiles, the weights they name, and what their control images and tokens are. No torch."""
