"""Model families: what a family of models must offer the method, and one folder each. They alone know diffusers."""
