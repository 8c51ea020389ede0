"""Table 1 on the pocket world: methods measured subject by subject, what their figures say, and the page of them."""
