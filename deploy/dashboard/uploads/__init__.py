"""References and masks that come in by a form."""
