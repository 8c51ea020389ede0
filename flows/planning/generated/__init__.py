"""Generated pictures that cells see, as plans know them."""
