"""Images of several subjects: each acts in its own region, with its references, words, guidance and model."""
