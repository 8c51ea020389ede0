"""Model families: everything that knows a family's classes and layers."""
