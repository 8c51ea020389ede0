"""Everything that a person starts: the `dreamtuner` command line, and what it needs around it."""
