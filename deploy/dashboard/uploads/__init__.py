"""References and masks uploaded by a form."""
