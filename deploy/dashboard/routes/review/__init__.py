"""Gallery, grid, outputs, decisions, comparison and export."""
