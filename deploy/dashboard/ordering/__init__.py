"""Orders of catalog runs: the spec as YAML and as a form, checked and priced before it is placed."""
