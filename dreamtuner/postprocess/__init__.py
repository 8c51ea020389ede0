"""What is done to a generated image: enlarge it by an upscaler, and cut out its subject."""
