"""References and masks: read, checked, masked and stored."""
