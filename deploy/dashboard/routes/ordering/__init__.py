"""Orders: the form, its live check, presets and schedules."""
