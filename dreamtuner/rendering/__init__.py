"""Contact sheets, film strips, attention maps, videos, and their lettering."""
