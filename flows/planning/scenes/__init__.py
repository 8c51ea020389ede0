"""Plans images of several subjects: their words, their cells."""
