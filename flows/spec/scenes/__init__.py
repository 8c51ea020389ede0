"""The entries of a spec for images of several subjects."""
