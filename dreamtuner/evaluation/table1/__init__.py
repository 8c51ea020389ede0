"""Table 1: methods by metrics, as a page."""
