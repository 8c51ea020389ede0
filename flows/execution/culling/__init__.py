"""What culling works with: fingerprints of outputs."""
