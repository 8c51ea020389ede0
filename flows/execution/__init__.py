"""What a worker does: claims, generates, fine-tunes, stores."""
