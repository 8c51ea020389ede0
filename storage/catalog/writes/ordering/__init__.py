"""What people order with: presets, and files that they uploaded for orders."""
