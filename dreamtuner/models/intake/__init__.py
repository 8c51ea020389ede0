"""Takes models in: where they come from, their lock, and what cannot work with them. No torch."""
