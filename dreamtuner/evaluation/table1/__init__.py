"""Table 1: methods by measures, as a page."""
