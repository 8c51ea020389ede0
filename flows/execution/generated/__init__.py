"""Generated pictures that cells see, as they are read when cells are generated."""
