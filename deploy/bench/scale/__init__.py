"""`dreamtuner bench scale`: a thousand simulated workers on a real PostgreSQL."""
